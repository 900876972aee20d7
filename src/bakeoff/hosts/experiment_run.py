"""Run an experiment: every contender on every task as Prompt Flow batch runs, taking from the cache what is there.

A row is asked once. Each contender x task x repeat has a cell in the cache; only rows without a finished answer there
are run, the ones that failed before among them, and a process that is killed anywhere leaves at most the lines that
were under way to be asked again.
"""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bakeoff.catalog.progress import silent
from bakeoff.errors import BakeoffError
from bakeoff.experiments.definition import Contender, Experiment, Task
from bakeoff.experiments.prices import Price
from bakeoff.experiments.progress import Progress
from bakeoff.experiments.rows import CellRun, RowResult
from bakeoff.hosts.experiment_cell import Cell, open_cell, run_name
from bakeoff.hosts.experiment_evaluate import evaluate
from bakeoff.hosts.experiment_images import from_anywhere
from bakeoff.hosts.experiment_key import cell_content, row_key
from bakeoff.hosts.experiment_rows import DataRow, baseline_outputs, check_columns, read_task_rows
from bakeoff.hosts.experiment_watch import Watched, watch_run
from bakeoff.hosts.promptflow_batch import run_batch
from bakeoff.models.openai_errors import RATE_LIMITED
from bakeoff.serving.memory import cores
from bakeoff.serving.shared_address import WORKERS

if TYPE_CHECKING:
    from bakeoff.experiments.result import ExperimentResult

NOT_RUN = "the run ended before this row"


def run_experiment(
    experiment: Experiment, progress: Progress, *, repeats: int = 1, limit: int | None = None
) -> "tuple[ExperimentResult, list[CellRun]]":
    """Run what is not in the cache, score everything, and compare: the result (gates not checked) and its rows.

    repeats: how often each contender answers each row. limit: rows of each task, in place of its own.
    Raises InputError for data, models or connections that cannot be used, and BakeoffError where Prompt Flow does not
    run; rows that fail are part of the result.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    rows = {task.name: read_task_rows(task, limit, experiment.seed) for task in experiment.tasks}
    for task in experiment.tasks:
        check_columns(task, rows[task.name], [c.baseline for c in experiment.contenders if c.baseline])
    contents = [
        (task, contender, repeat, None if contender.baseline else cell_content(task, contender, repeat))
        for task in experiment.tasks
        for contender in experiment.contenders
        for repeat in range(1, repeats + 1)
    ]
    cells = [
        _run_cell(experiment, task, contender, repeat, content, rows[task.name], progress)
        for task, contender, repeat, content in contents
    ]
    # The statistics bring 100 MB of libraries, which are not to lie there while the models run.
    from bakeoff.experiments.analysis import analyse
    from bakeoff.experiments.result import ThisRun

    asked = [cell for cell in cells if cell.from_cache is not None]
    this_run = ThisRun(
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 1),
        rows=sum(len(cell.rows) for cell in asked),
        rows_from_cache=sum(cell.from_cache or 0 for cell in asked),
        command=_command(experiment, repeats, limit),
    )
    return analyse(experiment, cells, this_run), cells


def _command(experiment: Experiment, repeats: int, limit: int | None) -> str:
    here = Path.cwd()
    path = experiment.path.relative_to(here) if experiment.path.is_relative_to(here) else experiment.path
    options = [f"--limit {limit}"] if limit else []
    options += [f"--repeat {repeats}"] if repeats > 1 else []
    return " ".join(["bakeoff run", shlex.quote(path.as_posix()), *options])


def _run_cell(
    experiment: Experiment,
    task: Task,
    contender: Contender,
    repeat: int,
    content: Mapping[str, Any] | None,
    rows: Sequence[DataRow],
    progress: Progress,
) -> CellRun:
    """content: what the answers depend on; None for a baseline."""
    name = "_".join((experiment.name, task.name, contender.name, f"r{repeat}"))
    label = " ".join([contender.name, *([f"({task.name})"] if len(experiment.tasks) > 1 else [])])
    label += f" #{repeat}" if repeat > 1 else ""
    if content is None:
        progress.start(label, len(rows), len(rows))
        outputs = baseline_outputs(contender.baseline or {}, rows)
        answered = [RowResult(r.id, r.values, o, 0.0, None, "") for r, o in zip(rows, outputs, strict=True)]
        return _scored(task, contender, repeat, name, rows, answered, progress)
    with open_cell(content) as cell:
        keys = {row.id: row_key(task, contender, row.id, row.values) for row in rows}
        todo = [row for row in rows if keys[row.id] not in cell.answers]
        from_cache = len(rows) - len(todo)
        progress.start(label, len(rows), from_cache)
        if todo:
            _run_politely(cell, task, contender, name, {keys[row.id]: row for row in todo}, from_cache, progress)
        answered = [_row(row, keys[row.id], cell) for row in rows]
        runs = [cell.answers[key]["run"] for key in keys.values() if key in cell.answers]
        return _scored(
            task,
            contender,
            repeat,
            name,
            rows,
            answered,
            progress,
            peak_memory_mb=cell.peak_memory_mb,
            workers=cell.workers,
            from_cache=from_cache,
            runs=tuple(dict.fromkeys(runs)),
        )


def _run_politely(
    cell: Cell,
    task: Task,
    contender: Contender,
    name: str,
    todo: Mapping[str, DataRow],
    done: int,
    progress: Progress,
) -> None:
    """Run the rows; those that met a rate limit again with half the workers, until one is left or nothing helps."""
    environment = {**task.environment, **contender.environment}
    workers = int(environment.get(WORKERS) or cores())
    watched = Watched(contender.price if isinstance(contender.price, Price) else None)
    while True:
        _run_rows(cell, task, contender, name, todo, environment, done, progress, watched)
        limited = {k: row for k, row in todo.items() if k in cell.failed and RATE_LIMITED in cell.failed[k].why}
        if not limited or workers == 1:
            return
        workers = max(1, workers // 2)
        environment[WORKERS] = str(workers)
        done += len(todo) - len(limited)
        todo = limited
        for key in limited:
            del cell.failed[key]
        progress.note(f"rate limit: {len(limited)} rows again with {workers} at once")


def _run_rows(
    cell: Cell,
    task: Task,
    contender: Contender,
    name: str,
    todo: Mapping[str, DataRow],
    environment: Mapping[str, str],
    done: int,
    progress: Progress,
    watched: Watched,
) -> None:
    """Run the rows (by their keys) as one Prompt Flow run and harvest it, also where it fails or is interrupted."""
    given = (from_anywhere(row.values, task.data.parent) for row in todo.values())
    lines = (json.dumps(values, ensure_ascii=False) + "\n" for values in given)
    (cell.folder / "todo.jsonl").write_text("".join(lines), encoding="utf-8")
    specification = {
        "flow": str(task.flow.folder),
        "data": "todo.jsonl",
        "column_mapping": {**task.column_mapping, **contender.inputs},
        "environment_variables": dict(environment),
        "connections": {node: dict(given) for node, given in contender.connections.items()},
    }
    (cell.folder / "run.yaml").write_text(yaml.safe_dump(specification), encoding="utf-8")
    run = run_name(name)
    cell.begin(run, list(todo))
    workers = None
    try:
        with watch_run(run, done, progress, watched):
            workers = run_batch(cell.folder / "run.yaml", run, inputs={}, base=None, report=silent).workers
    except BakeoffError:
        cell.harvest()
        if not cell.failed and not any(key in cell.answers for key in todo):
            raise
    finally:
        (cell.folder / "run.yaml").unlink(missing_ok=True)  # its environment may hold a key
        cell.harvest()
        cell.note_run(watched.peak_mb, workers)


def _row(row: DataRow, key: str, cell: Cell) -> RowResult:
    if answer := cell.answers.get(key):
        return RowResult(row.id, row.values, answer["output"], answer["seconds"], None, "", answer.get("prompts", ()))
    if key not in cell.failed:
        return RowResult(row.id, row.values, None, None, None, NOT_RUN)
    line = cell.failed[key]
    return RowResult(row.id, row.values, line.output, line.seconds, None, line.why, line.prompts)


def _scored(
    task: Task,
    contender: Contender,
    repeat: int,
    name: str,
    rows: Sequence[DataRow],
    answered: Sequence[RowResult],
    progress: Progress,
    *,
    peak_memory_mb: float | None = None,
    workers: int | None = None,
    from_cache: int | None = None,
    runs: tuple[str, ...] = (),
) -> CellRun:
    progress.note("scoring")
    outputs = {row.id: row.output for row in answered if row.output is not None}
    evaluated = evaluate(task, name, rows, outputs)
    progress.note("")
    return CellRun(
        task=task.name,
        contender=contender.name,
        repeat=repeat,
        rows=tuple(
            replace(row, record=evaluated.records.get(row.id), error=row.error or evaluated.failures.get(row.id, ""))
            for row in answered
        ),
        metrics=evaluated.metrics,
        peak_memory_mb=peak_memory_mb,
        workers=workers,
        from_cache=from_cache,
        runs=runs,
    )
