"""Suites of several tasks, such as GLUE: run one after another, and their official average."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from bakeoff.benchmarks.data import in_folder
from bakeoff.benchmarks.run import Result, Settings, file_name, run_task
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError
from bakeoff.models.base import ChatModel

Part = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Suite:
    """average: its official average is the mean over these parts, a part the mean of (task, figure)s; may be none."""

    name: str
    summary: str
    tasks: tuple[Task, ...]
    average: tuple[Part, ...]


@dataclass(frozen=True)
class SuiteResult:
    """results: of the tasks that have data, by name. average: see `average`; empty where a task is missing."""

    results: Mapping[str, Result]
    missing: Sequence[str]
    average: Mapping[str, float]
    path: Path


def run_suite(
    suite: Suite, model: ChatModel, settings: Settings, output: Path, report: Callable[[str], None]
) -> SuiteResult:
    """Run the tasks that `settings.data` has files for (all of them from the hub), and write `<suite>-<model>.json`.

    Method generate leaves out the tasks that have no such form. Raises as `run_task` does, and InputError where no
    task has data.
    """
    have = [task for task in suite.tasks if _runs(task, settings)]
    if not have:
        raise InputError(f"{settings.data} has no file of {suite.name}: see `bakeoff benchmark list`")
    results = {task.name: run_task(task, model, settings, output, report) for task in have}
    missing = [task.name for task in suite.tasks if task.name not in results]
    path = output / f"{file_name(suite.name, model.identity.name)}.json"
    result = SuiteResult(results, missing, average(suite, results), path)
    content: dict[str, Any] = {
        "suite": suite.name,
        "average": result.average,
        "missing": missing,
        "tasks": {name: {"card": one.card, "metrics": one.metrics} for name, one in results.items()},
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def average(suite: Suite, results: Mapping[str, Result]) -> dict[str, float]:
    """`average`, `average_stderr`, `average_ci_low` and `average_ci_high` (normal); nothing where a figure is missing.

    Tasks are independent. The figures of one part may rest on the same items: its standard error is taken as the mean
    of theirs, which it cannot exceed.
    """
    wanted = [pair for part in suite.average for pair in part]
    if not wanted or not all(
        task in results and f"{figure}_stderr" in results[task].metrics for task, figure in wanted
    ):
        return {}
    parts, errors = [], []
    for part in suite.average:
        parts.append(fmean(results[task].metrics[figure] for task, figure in part))
        errors.append(fmean(results[task].metrics[f"{figure}_stderr"] for task, figure in part))
    mean, error = fmean(parts), sum(one**2 for one in errors) ** 0.5 / len(errors)
    return {
        "average": mean,
        "average_stderr": error,
        "average_ci_low": mean - 1.96 * error,
        "average_ci_high": mean + 1.96 * error,
    }


def _runs(task: Task, settings: Settings) -> bool:
    if settings.method == "generate" and task.likelihood_only:
        return False
    return in_folder(task.questions, settings.data) is not None if settings.data else bool(task.questions.repository)
