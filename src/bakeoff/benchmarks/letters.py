"""Multiple choice for models that only write: the options under letters, and a strict reading of the answer."""

import re
import string

from bakeoff.benchmarks.tasks import Item, definition

DEFINITION = definition("letters")


def question_with_letters(item: Item) -> str:
    """The item's question, its options under A, B, C, ..., and the request for the letter alone."""
    texts = DEFINITION.texts
    lines = [
        texts["option"].format(letter=letter, text=option)
        for letter, option in zip(string.ascii_uppercase, item.options, strict=False)
    ]
    return "\n".join([item.question, *lines, "", texts["instruction"]])


def read_letter(text: str, options: int) -> int | None:
    """The index of the letter that the answer is, `B`, `b.`, `(B)` or `B)`; None where it is anything else."""
    found = re.fullmatch(r"\(?([A-Za-z])\)?[.:]?", text.strip())
    if found is None:
        return None
    index = string.ascii_uppercase.index(found[1].upper())
    return index if index < options else None
