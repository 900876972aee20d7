"""The rows as the page's script reads them: each long text once, and cut where the page would grow too large."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.experiments.result import TaskResult
from bakeoff.experiments.rows import CellRun, RowResult
from bakeoff.metrics.rows import Row

MOST_BYTES = 2_400_000
CUTS = ((100_000, 1_000), (2_000, 10), (600, 5), (300, 3), (200, 1))
"""Characters of a text and items of a list that are kept; the first pair that keeps within MOST_BYTES is taken."""
POOLED = 40


def row_data(task: TaskResult, cells: Sequence[CellRun], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """`metrics`, `contenders`, `rows` and `texts`, JSON-ready. Of repeats the first one is shown.

    A row has `id`, `category`, `data` (fields of the data file) and for each contender a cell: `answer`, `error`,
    `outcome`, `seconds`, `scores` in the order of `metrics`, `reasons` (why one has no score), `prompts` (messages of
    each model call) and `more` (the flow's other outputs). Whatever takes more than POOLED characters is a list of one
    number, its place in `pool`; a list itself is written `{"list": [...]}`. Texts are cut so that it takes at most
    `most_bytes` as JSON, if cutting to CUTS[-1] is enough.
    """
    mine = {cell.contender: cell for cell in cells if cell.task == task.name and cell.repeat == 1}
    contenders = [contender.name for contender in task.contenders]
    metrics = [metric for metric in task.contenders[0].metrics]
    names = [metric.name for metric in metrics]
    by_id = [{row.id: row for row in mine[name].rows} for name in contenders]
    for most in CUTS:
        pool = _Pool(*most)
        rows = [
            {
                "id": row.id,
                "category": str(row.data.get("category", "")),
                "data": pool.put({k: v for k, v in row.data.items() if k not in ("id", "category")}),
                "cells": [_cell(rows.get(row.id), names, pool) for rows in by_id],
            }
            for row in mine[contenders[0]].rows
        ]
        found = {
            "name": task.name,
            "contenders": contenders,
            "metrics": [{"name": m.name, "label": m.label, "kind": m.kind} for m in metrics],
            "rows": rows,
            "pool": pool.values,
            "repeats": task.repeats,
        }
        if len(compact_json(found).encode()) <= most_bytes:
            break
    return found


def compact_json(content: object) -> str:
    """JSON without spaces."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


class _Pool:
    """Long values, each once."""

    def __init__(self, most_characters: int, most_items: int):
        self.most_characters, self.most_items = most_characters, most_items
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def put(self, value: Any) -> Any:
        """The value as the page reads it: itself, or its place in the pool."""
        if isinstance(value, float):
            return float(f"{value:.3g}")
        if isinstance(value, str):
            if len(value) > self.most_characters:
                value = f"{value[: self.most_characters]} ... ({len(value):,} characters; all are in rows.jsonl)"
            return self._pooled(value, value)
        if isinstance(value, Mapping):
            packed: Any = {str(key): self.put(part) for key, part in value.items()}
        elif isinstance(value, list | tuple):
            parts = [self.put(part) for part in value[: self.most_items]]
            left_out = len(value) - len(parts)
            packed = {"list": [*parts, f"... and {left_out} more, in rows.jsonl"] if left_out else parts}
        else:
            return value
        return self._pooled(packed, compact_json(packed))

    def _pooled(self, value: Any, text: str) -> Any:
        if len(text) <= POOLED:
            return value
        if text not in self._places:
            self._places[text] = len(self.values)
            self.values.append(value)
        return [self._places[text]]


def _cell(row: RowResult | None, metrics: Sequence[str], pool: _Pool) -> dict[str, Any]:
    if row is None:
        return {"answer": "", "error": "not run", "outcome": "missing", "scores": [None] * len(metrics)}
    record: Row = row.record or {}
    output = dict(row.output or {})
    completion = output.pop("completion", None)
    answer = output.pop("answer", "")
    more = {**output, "completion": _brief(completion)} if completion else output
    reasons = {m: reason for m in metrics if (reason := record.get(f"{m}_reason"))}
    found = {
        "answer": pool.put(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)),
        "error": pool.put(row.error),
        "outcome": record.get("outcome", "missing"),
        "seconds": None if row.seconds is None else round(row.seconds, 2),
        "scores": [_rounded(record.get(f"{metric}_score")) for metric in metrics],
        "reasons": pool.put(reasons),
        "prompts": pool.put([list(messages) for messages in row.prompts]) if row.prompts else None,
        "more": pool.put(more),
    }
    return {key: value for key, value in found.items() if value not in ("", {}, None)}


def _brief(completion: Any) -> Any:
    """Without the text, which is the answer."""
    return (
        {k: v for k, v in completion.items() if k not in ("text", "error") and v is not None}
        if isinstance(completion, Mapping)
        else completion
    )


def _rounded(score: Any) -> Any:
    return round(score, 4) if isinstance(score, float) else score
