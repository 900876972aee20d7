"""Every row of every contender as files: a flat CSV for people, JSON Lines with everything for programs."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from bakeoff.experiments.rows import CellRun, RowResult

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(cells: Sequence[CellRun], metrics: Sequence[str]) -> str:
    """A line for each row: who, which row, what became of it, the scores of the metrics, seconds, answer, error."""
    out = io.StringIO()
    scores = [f"{metric}_score" for metric in metrics]
    fields = ["task", "contender", "repeat", "id", "category", "outcome", *scores, "seconds", "answer", "error"]
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    for cell in cells:
        for row in cell.rows:
            record = row.record or {}
            writer.writerow(
                {"task": cell.task, "contender": _safe(cell.contender), "repeat": cell.repeat, "id": _safe(row.id)}
                | {"category": _safe(row.data.get("category", "")), "outcome": record.get("outcome", "missing")}
                | {score: record.get(score) for score in scores}
                | {"seconds": row.seconds, "answer": _safe(_answer(row)), "error": _safe(row.error)}
            )
    return out.getvalue()


def to_json_lines(cells: Sequence[CellRun]) -> str:
    """A line for each row: task, contender, repeat, id, data, output, record, prompts, seconds, error."""
    lines = (
        {"task": cell.task, "contender": cell.contender, "repeat": cell.repeat}
        | {"id": row.id, "data": row.data, "output": row.output, "record": row.record}
        | {"prompts": row.prompts, "seconds": row.seconds, "error": row.error}
        for cell in cells
        for row in cell.rows
    )
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _answer(row: RowResult) -> str:
    answer = (row.output or {}).get("answer", "")
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def _safe(value: Any) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
