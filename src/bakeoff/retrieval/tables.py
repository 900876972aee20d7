"""Tables as text: one line a row, cells between pipes, the header row first (the form of GitHub's Markdown)."""

import re
from collections.abc import Sequence

_RULE = re.compile(r"\|( --- \|)+")


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
