"""The rows as the page's script reads them: each long text once, and cut where the page would grow too large."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bakeoff.experiments.result import TaskResult
from bakeoff.experiments.rows import CellRun, RowResult
from bakeoff.metrics.rows import Row

MOST_BYTES = 2_400_000
CUTS = ((100_000, 1_000, 100_000), (100_000, 1_000, 400), (2_000, 10, 200), (600, 5, 0), (300, 3, 0), (200, 1, 0))
"""Characters of a text, items of a list, and characters of a message to a model (0: no prompts) that are kept; the
first that keeps within MOST_BYTES is taken. Prompts go first: what they hold is mostly in the data and the passages."""
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
    for cut in CUTS[:-1]:
        if (found := _packed(task, mine, *cut, most_bytes)) is not None:
            return found
    packed = _packed(task, mine, *CUTS[-1], None)
    assert packed is not None
    return packed


def _packed(
    task: TaskResult, mine: Mapping[str, CellRun], characters: int, items: int, of_a_message: int, most: int | None
) -> dict[str, Any] | None:
    """With texts of so many characters; None, as soon as that is clear, where it takes more than `most` bytes."""
    contenders = [contender.name for contender in task.contenders]
    metrics = task.contenders[0].metrics
    names = [metric.name for metric in metrics]
    by_id = [{row.id: row for row in mine[name].rows} for name in contenders]
    pool = _Pool(characters, items)
    prompts = pool.for_texts_of(of_a_message)
    rows = []
    for row in mine[contenders[0]].rows:
        data = pool.put({k: v for k, v in row.data.items() if k not in ("id", "category")})
        made = [_cell(found.get(row.id), names, pool, prompts) for found in by_id]
        rows.append({"id": row.id, "category": str(row.data.get("category", "")), "data": data, "cells": made})
        if most is not None and pool.store.characters > most:
            return None
    found = {
        "name": task.name,
        "contenders": contenders,
        "metrics": [{"name": m.name, "label": m.label, "kind": m.kind} for m in metrics],
        "rows": rows,
        "pool": pool.store.values,
        "repeats": task.repeats,
    }
    return found if most is None or len(compact_json(found).encode()) <= most else None


def compact_json(content: object) -> str:
    """JSON without spaces."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


@dataclass
class _Store:
    values: list[Any] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    characters: int = 0


class _Pool:
    """Long values, each once."""

    def __init__(self, most_characters: int, most_items: int):
        self.most_characters, self.most_items = most_characters, most_items
        self.store = _Store()

    def for_texts_of(self, most_characters: int) -> "_Pool":
        """The same pool with another limit for what is put into it."""
        other = _Pool(most_characters, self.most_items)
        other.store = self.store
        return other

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
        store = self.store
        if text not in store.places:
            store.places[text] = len(store.values)
            store.values.append(value)
            store.characters += len(text)
        return [store.places[text]]


def _cell(row: RowResult | None, metrics: Sequence[str], pool: _Pool, prompts: _Pool) -> dict[str, Any]:
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
        "prompts": prompts.put([list(messages) for messages in row.prompts])
        if row.prompts and prompts.most_characters
        else None,
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
