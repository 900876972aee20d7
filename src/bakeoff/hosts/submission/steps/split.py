"""The first step: give each row the number by which its outputs and its scores are found again."""

import shutil
from pathlib import Path

from bakeoff.errors import InputError
from bakeoff.hosts.submission.steps.line_files import LINE_NUMBER, ROWS_FILE, line_of, read_lines


def split(data: Path, rows: Path) -> None:
    """Write all rows of the JSON Lines below `data` as one file, and beside it copies of what else is there (images).

    Parallel steps take mini-batches of its lines. Raises InputError with file and line for what is no row.
    """
    tables = sorted(data.glob("*.jsonl")) if data.is_dir() else [data]
    rows.mkdir(parents=True, exist_ok=True)
    number = 0
    with (rows / ROWS_FILE).open("w", encoding="utf-8") as target:
        for table in tables:
            for row in read_lines(table):
                if LINE_NUMBER in row:
                    raise InputError(f"{table.name}: has a column {LINE_NUMBER!r}, which Prompt Flow uses: rename it")
                target.write(line_of({LINE_NUMBER: number} | row))
                number += 1
    if not number:
        raise InputError(f"{data} has no rows: rows are JSON Lines, in files called *.jsonl")
    if data.is_dir():
        copy_other_files(data, rows)


def copy_other_files(source: Path, target: Path) -> None:
    """Copy all but the JSON Lines on top of a folder."""
    for path in source.iterdir():
        if path.is_dir():
            shutil.copytree(path, target / path.name, dirs_exist_ok=True)
        elif path.suffix != ".jsonl":
            shutil.copy(path, target / path.name)
