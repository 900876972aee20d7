"""Tables as text: one line a row, cells between pipes, the header row first (the form of GitHub's Markdown)."""

import re
from collections.abc import Sequence
from itertools import takewhile

_RULE = re.compile(r"\|( --- \|)+")
_PIPE = re.compile(r"\s*(?<!\\)\|\s*")


def pipe_table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as pipe rows of equal width; the first row is the header. Line breaks in cells become spaces.

    What has one column only is no table but lines, and a single row is one line without the rule below it.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    width = max((len(row) for row in cells), default=0)
    if width < 2:
        return "\n".join(row[0] for row in cells)
    lines = [_line(row + [""] * (width - len(row))) for row in cells]
    if len(lines) > 1:
        lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def _line(row: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def is_table(block: str) -> bool:
    """Whether a block of text is a table as `pipe_table` writes it."""
    lines = block.split("\n")
    return len(lines) > 2 and _RULE.fullmatch(lines[1]) is not None and all(line.startswith("|") for line in lines)


def without_marks(text: str) -> str:
    """The text with its table rows as plain lines: cells with a blank between, no pipes, no rule below the header."""
    return "\n".join(
        " ".join(_PIPE.split(line)).strip() if line.startswith("|") else line
        for line in text.split("\n")
        if _RULE.fullmatch(line) is None
    )


def rows_of(text: str) -> list[str]:
    """Each row of each table in a text, as plain lines: the header, then the row. None of a table of a single row."""
    found = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if number and _RULE.fullmatch(line):
            rows = list(takewhile(lambda row: row.startswith("|"), lines[number + 1 :]))
            if len(rows) > 1:
                found += [without_marks(f"{lines[number - 1]}\n{row}") for row in rows]
    return found
