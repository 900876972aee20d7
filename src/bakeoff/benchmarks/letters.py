"""Multiple choice for models that only write: the options under letters, and a strict reading of the answer."""

import re
import string
from collections.abc import Sequence

from bakeoff.benchmarks.definition import definition
from bakeoff.benchmarks.items import Item
from bakeoff.errors import InputError

DEFINITION = definition("letters")


def question_with_letters(item: Item) -> str:
    """The item's question, its options under A, B, C, ..., and the request for the letter alone."""
    return ask_for_letter(item.question, item.options)


def ask_for_letter(question: str, options: Sequence[str]) -> str:
    """The question, its options under A, B, C, ..., and the request for the letter alone."""
    return "\n".join([question, *_lines(options), "", DEFINITION.texts["instruction"]])


def prompt_with_letters(question: str, options: Sequence[str]) -> tuple[str, list[str]]:
    """The question and its options as raw text that a letter continues, and the letters."""
    prompt = "\n".join([question, *_lines(options), DEFINITION.texts["answer"]])
    return prompt, [f" {letter}" for letter, _ in zip(string.ascii_uppercase, options, strict=False)]


def _lines(options: Sequence[str]) -> list[str]:
    """A line an option. Raises InputError for more options than letters."""
    if len(options) > len(string.ascii_uppercase):
        raise InputError(f"there are {len(options)} options and {len(string.ascii_uppercase)} letters")
    template = DEFINITION.texts["option"]
    return [template.format(letter=a, text=b) for a, b in zip(string.ascii_uppercase, options, strict=False)]


def read_letter(text: str, options: int) -> int | None:
    """The index of the letter that the answer is, `B`, `b.`, `(B)` or `B)`; None where it is anything else."""
    found = re.fullmatch(r"\(?([A-Za-z])\)?[.:]?", text.strip())
    if found is None:
        return None
    index = string.ascii_uppercase.index(found[1].upper())
    return index if index < options else None
