"""The rows of a data file with their lines."""

import codecs
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.finding import Finding, error

READABLE = (".jsonl", ".csv", ".tsv")


@dataclass(frozen=True)
class Row:
    """One record of a data file and the line it starts in."""

    line: int
    values: dict[str, Any]


def read_rows(path: Path) -> tuple[list[Row], list[Finding]]:
    """Rows of a JSON Lines, CSV or TSV file, and what keeps other lines from being rows."""
    content = path.read_bytes()
    findings = []
    if content.startswith(codecs.BOM_UTF8):
        findings.append(error(path, 1, "starts with a byte-order mark: save the file as UTF-8 without it"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        return [], [*findings, error(path, line, "is not UTF-8: save the file as UTF-8")]
    rows, problems = _json_lines(path, text) if path.suffix == ".jsonl" else (_separated(path, text), [])
    if not rows and not problems:
        problems = [error(path, 1, "has no rows")]
    return rows, [*findings, *problems]


def _json_lines(path: Path, text: str) -> tuple[list[Row], list[Finding]]:
    rows, findings = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as problem:
            findings.append(error(path, number, f"is not valid JSON ({problem.msg}, column {problem.colno})"))
            continue
        if isinstance(values, dict):
            rows.append(Row(number, values))
        else:
            findings.append(error(path, number, "is not a JSON object: each line is one row"))
    return rows, findings


def _separated(path: Path, text: str) -> list[Row]:
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter="\t" if path.suffix == ".tsv" else ",")
    rows = []
    line = 2
    for values in reader:
        rows.append(Row(line, {name: value for name, value in values.items() if name and value is not None}))
        line = reader.line_num + 1
    return rows
