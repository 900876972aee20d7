"""A passage as pieces of evidence, each small enough to state one thing: clauses and table cells."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from bakeoff.metrics.claim_text import Value, clauses, content_words, is_negated, names_in, stem, values_in
from bakeoff.metrics.sentences import split_sentences

_ITEM = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+•]|\d+[.)])\s)")
_CONTRAST = re.compile(r"\s*;\s+|,\s+(?=(?:but|while|and|unless|except)\s)")
_RULE = re.compile(r":?-+:?")


@dataclass(frozen=True)
class Evidence:
    """A clause or a table cell with what it says, words as stems.

    text: with the passage's heading before it, for embedding. own: its words. around: those of the heading, of its
    whole sentence and of the sentence before.
    """

    text: str
    own: frozenset[str]
    around: frozenset[str]
    values: tuple[Value, ...]
    has_names: bool
    is_negated: bool


def evidence_in(passage: str) -> list[Evidence]:
    """The pieces of a passage: Markdown text, wrapped or not, whose first line may be its heading, then a blank line.

    A table cell comes with its row's first cell and its column's header. A clause ends at semicolons, at ", but" and
    the like, and between two values joined by "and".
    """
    heading, body = _heading(passage.strip())
    pieces: list[Evidence] = []
    for is_table, lines in groupby(body.splitlines(), lambda line: line.lstrip().startswith("|")):
        if is_table:
            pieces += [_evidence(cell, heading, "") for cell in _cells(lines)]
        else:
            pieces += _clauses_of("\n".join(lines), heading)
    return pieces


def _clauses_of(text: str, heading: str) -> Iterator[Evidence]:
    before = ""
    for item in _ITEM.split(text):
        for sentence in split_sentences(" ".join(item.split())):
            for part in _CONTRAST.split(sentence):
                for piece in value_clauses(part):
                    yield _evidence(piece, heading, f"{before} {sentence}")
            before = sentence


def value_clauses(text: str) -> list[str]:
    """The clauses of a text, joined until each but the last has a value and content words of its own."""
    joined: list[str] = []
    is_complete = False
    for clause in clauses(text):
        states_value = _states_value(clause)
        if joined and not (states_value and is_complete):
            joined[-1] += f" {clause}"
            is_complete = is_complete or _states_value(joined[-1])
        else:
            joined.append(clause)
            is_complete = states_value
    return joined


def _states_value(clause: str) -> bool:
    return bool(values_in(clause) and content_words(clause))


def _heading(passage: str) -> tuple[str, str]:
    first, blank, rest = passage.partition("\n\n")
    if not blank or "\n" in first or first.endswith((".", "!", "?", "|")):
        return "", passage
    return first, rest


def _evidence(text: str, heading: str, around: str) -> Evidence:
    context = f"{heading} {around}"
    values = tuple(values_in(text))
    return Evidence(
        f"{heading}. {text}" if heading else text, stems(text), stems(context), values, bool(names_in(text)),
        is_negated(text),
    )  # fmt: skip


def stems(text: str) -> frozenset[str]:
    """The stems of a text's content words."""
    return frozenset(map(stem, content_words(text)))


def _cells(lines: Iterable[str]) -> Iterator[str]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    header = rows[0]
    for row in rows[1:]:
        if all(map(_RULE.fullmatch, row)):
            continue
        for name, cell in zip(header[1:], row[1:], strict=False):
            yield f"{header[0]} {row[0]}, {name}: {cell}"
