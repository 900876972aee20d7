"""Retrieved passages as records of a flow, chosen for a prompt and written into it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bakeoff.retrieval.engine import Hit

Record = Mapping[str, Any]
"""Fields of `bakeoff.retrieval.engine.Hit`, and `number` under which the model saw it, None where it did not."""

_INSTEAD = "\u2039"  # a single angle quotation mark
_BRACKETED = re.compile(r"\[(\d+(?:, ?\d+)*)\]")
_MARK = re.compile(r"<(?=\s*/?\s*passages?\b)", re.IGNORECASE)


def to_records(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Records ready for JSON, best first, not yet numbered."""
    return [{"number": None, **asdict(hit), "heading_path": list(hit.heading_path)} for hit in hits]


def pack(
    records: Sequence[Record], count_tokens: Callable[[str], int], most_tokens: int, most_passages: int
) -> list[dict[str, Any]]:
    """The same records, those for the prompt numbered from 1 in their order.

    A passage that no longer fits into most_tokens is passed over, smaller ones after it are still taken; the first
    passage is always taken, so that a small budget does not make an empty prompt.
    """
    packed, number, used = [], 0, 0
    for record in records:
        size = count_tokens(passage_text({**record, "number": number + 1}))
        fits = number < most_passages and (number == 0 or used + size <= most_tokens)
        if fits:
            number += 1
            used += size
        packed.append({**record, "number": number if fits else None})
    return packed


def shown(records: Sequence[Record]) -> list[Record]:
    """The numbered records, by their numbers."""
    return sorted((record for record in records if record["number"] is not None), key=lambda record: record["number"])


def passages_text(records: Sequence[Record]) -> str:
    """The numbered passages for a prompt, each between marks that its own text cannot forge.

    The first one stands last, next to the question: small models answer from what they read last.
    """
    return "\n\n".join(passage_text(record) for record in reversed(shown(records)))


def passage_text(record: Record) -> str:
    """One passage between its marks; an opening bracket that would begin a mark inside it becomes another sign, and a
    number in square brackets, which would read as a citation, gets round ones."""
    place = record["document"] if record["page"] is None else f"{record['document']}, page {record['page']}"
    title = " ".join(f"{place}: {record['context']}".replace('"', "'").split())
    title, body = (_MARK.sub(_INSTEAD, without_bracketed_numbers(text)) for text in (title, record["text"]))
    return f'<passage number="{record["number"]}" from="{title}">\n{body}\n</passage>'


def without_bracketed_numbers(text: str) -> str:
    """The text with (1) for [1], as a source may write its own notes: in an answer that would be a citation."""
    return _BRACKETED.sub(r"(\1)", text)


def evidence(record: Record) -> str:
    """What a citation points to: title and headings, a blank line, and the text."""
    return f"{record['context']}\n\n{record['text']}" if record["context"] else str(record["text"])
