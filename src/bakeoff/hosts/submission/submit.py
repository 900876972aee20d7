"""Submit a flow and its evaluation, wait, and fetch what came of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.catalog.progress import Report
from bakeoff.experiments.progress import Progress
from bakeoff.hosts.submission.cloud_run import CloudRun, ensure_submitted, lines, metrics, wait
from bakeoff.hosts.submission.plan import RunPlan
from bakeoff.json_file import write_json


@dataclass(frozen=True)
class Submitted:
    """What a submission left in `folder`. failed: rows of the base run without outputs. metrics: of the evaluation."""

    folder: Path
    rows: int
    failed: int
    metrics: dict[str, float] | None


def submit(
    client: Any,
    base: RunPlan,
    evaluation: RunPlan | None,
    output: Path,
    *,
    again: bool,
    say: Report,
    progress: Progress,
) -> Submitted:
    """Submit what is not in Azure yet, wait for it and write what it gave into a folder of the base run's name.

    client: a `promptflow.azure.PFClient`. Files: runs.json (names, pages, settings), rows.jsonl (`line`, `inputs`,
    `outputs`, `error`), and of an evaluation scores.jsonl and metrics.json. Raises BakeoffError; submitting the same
    again goes on where it ended.
    """
    run, rows = _through(client, base, again, say, progress)
    folder = output / run.name
    folder.mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "rows.jsonl", rows)
    runs, logged = {run.name: record(base, run.page)}, None
    if evaluation:
        evaluation = replace(evaluation, base=run.name)
        scored, scores = _through(client, evaluation, False, say, progress)
        _write_lines(folder / "scores.jsonl", scores)
        logged = metrics(client, scored.name)
        write_json(folder / "metrics.json", logged)
        runs[scored.name] = record(evaluation, scored.page)
    write_json(folder / "runs.json", runs)
    return Submitted(folder, len(rows), _failed(rows), logged)


def _through(
    client: Any, plan: RunPlan, again: bool, say: Report, progress: Progress
) -> tuple[CloudRun, list[dict[str, Any]]]:
    """The run and its rows, when it is completed."""
    run = ensure_submitted(client, plan, again=again)
    say(f"{'submitted' if run.is_new else 'already there'}: {run.name} {run.page}")
    wait(client, run, len(plan.data.rows), progress)
    rows = lines(client, run.name)
    progress.update(len(rows), _failed(rows))
    return run, rows


def _failed(rows: Sequence[dict[str, Any]]) -> int:
    return sum(row["outputs"] is None for row in rows)


def record(plan: RunPlan, page: str) -> dict[str, Any]:
    """What runs.json says of a run."""
    return {"page": page, "base": plan.base, "flow": str(plan.flow.folder), **plan.settings}


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
