"""A benchmark's items as rows for `flows/multiple_choice`, so that they also run as batches and in the cloud."""

import json
from pathlib import Path

from bakeoff.benchmarks.run import Settings, prepare
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError


def export_items(task: Task, settings: Settings, path: Path) -> int:
    """Write `id`, `category`, `question`, `options`, `prompt`, `choices` and `label` of each item; return how many.

    Raises InputError for a task in which not exactly one choice is right, and as `run_task` does for its data.
    """
    items = prepare(task, {}, settings)[0]
    one_is_right = [len(item.options) == len(item.choices) and item.answer == item.reference for item in items]
    if task.free_text or task.likelihood_only or not all(one_is_right):
        raise InputError(f"{task.name} cannot be exported: its answers are not one right choice among several")
    rows = [
        {
            "id": item.id,
            "category": item.stratum,
            "question": item.question,
            "options": item.options,
            "prompt": item.prompt,
            "choices": item.choices,
            "label": item.answer,
        }
        for item in items
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return len(rows)
