"""The pieces that chunks are made of: each fits into a chunk, and cutting between them hurts least."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bakeoff.errors import InputError
from bakeoff.retrieval.sentences import sentence_spans
from bakeoff.retrieval.tables import is_table

Fits = Callable[[str], bool]


@dataclass(frozen=True)
class Unit:
    """Characters `start` to `end` of a section's text.

    lead: the table header to repeat where a chunk begins with this unit; empty for the table's first row and for
    anything that is not a table row.
    """

    start: int
    end: int
    lead: str = ""


def units_of(text: str, fits: Fits) -> list[Unit]:
    """Paragraphs and tables that fit; of others the sentences or rows, then words, then characters that do.

    fits: whether a text may be a chunk. Everything but white space is in exactly one unit. Raises InputError where
    not even a single character fits.
    """
    units: list[Unit] = []
    for start, end in _paragraphs(text):
        if is_table(text[start:end]) and not fits(text[start:end]):
            units += _rows(text, start, end, fits)
        else:
            units += _split(text, start, end, fits, "")
    return units


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for blank in (*re.finditer(r"\n[^\S\n]*\n\s*", text), None):
        raw = text[start : blank.start() if blank else len(text)]
        if paragraph := raw.strip():
            begin = start + raw.index(paragraph)
            yield begin, begin + len(paragraph)
        start = blank.end() if blank else len(text)


def _split(text: str, start: int, end: int, fits: Fits, lead: str) -> Iterator[Unit]:
    if fits(lead + text[start:end]):
        yield Unit(start, end, lead)
        return
    sentences = [(start + a, start + b) for a, b in sentence_spans(text[start:end])]
    for first, last in sentences:
        if fits(lead + text[first:last]):
            yield Unit(first, last, lead)
            continue
        for word in re.finditer(r"\S+", text[first:last]):
            yield from _halves(text, first + word.start(), first + word.end(), fits, lead)


def _halves(text: str, start: int, end: int, fits: Fits, lead: str) -> Iterator[Unit]:
    if fits(lead + text[start:end]):
        yield Unit(start, end, lead)
    elif end - start < 2:
        raise InputError(f"max_tokens is too small: the single character {text[start:end]!r} needs more")
    else:
        middle = (start + end) // 2
        yield from _halves(text, start, middle, fits, lead)
        yield from _halves(text, middle, end, fits, lead)


def _rows(text: str, start: int, end: int, fits: Fits) -> Iterator[Unit]:
    """The header with its first row, then row by row, each led by the header where the two fit together."""
    lines = [(start + m.start(), start + m.end()) for m in re.finditer(r"[^\n]+", text[start:end])]
    header = text[start : lines[1][1]] + "\n"
    (_, first_end), rest = lines[2], lines[3:]
    if fits(text[start:first_end]):
        yield Unit(start, first_end)
    else:
        yield from _split(text, start, first_end, fits, "")
    for row_start, row_end in rest:
        lead = header if fits(header + text[row_start:row_end]) else ""
        yield from _split(text, row_start, row_end, fits, lead)
