"""Are GLUE and SuperGLUE asked and scored as lm-evaluation-harness 0.4.13 does? The same rows, both ways.

    PYTHONPATH=src:perf:tests/benchmarks python perf/lm_eval_requests.py [../shared/benchmarks]

Rows are those of tests/benchmarks/suite_rows.py and, where a folder is given, its `glue` and `super_glue`. Every
request of the harness's own task files must be Bakeoff's as text; then both score the same log-likelihoods, numbers
drawn from a hash of the texts, with their own metrics. Needs bakeoff and lm_eval in one environment.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lm_eval_side_by_side import harness_task
from rich.console import Console
from rich.table import Table
from suite_rows import GLUE_ROWS, SUPER_GLUE_ROWS

from bakeoff.benchmarks.data import in_folder, load_rows
from bakeoff.benchmarks.figures import summarise_figures
from bakeoff.benchmarks.items import Answer
from bakeoff.benchmarks.registry import SUITES
from bakeoff.benchmarks.tasks import Task

FILES = {
    "glue_mnli_matched": ("glue/mnli/default.yaml", "validation_matched"),
    "glue_mnli_mismatched": ("glue/mnli/mismatch.yaml", "validation_mismatched"),
}
NOT_THERE = {"glue_stsb", "super_glue_axb", "super_glue_axg"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path, nargs="?")
    options = parser.parse_args()
    table = Table("task", "rows", "requests", "equal", "harness", "Bakeoff")
    for suite, made in (("glue", GLUE_ROWS), ("super_glue", SUPER_GLUE_ROWS)):
        for task in SUITES[suite].tasks:
            if task.name in NOT_THERE:
                continue
            sets: list[Sequence[Any]] = [made[task.name.removeprefix(f"{suite}_")]]
            if options.data and in_folder(task.questions, options.data / suite):
                sets.append(load_rows(task.questions, options.data / suite).records)
            for rows in sets:
                add_row(table, suite, task, rows)
    Console(width=150, highlight=False).print(table)


def add_row(table: Table, suite: str, task: Task, rows: Sequence[Any]) -> None:
    name = task.name.removeprefix(f"{suite}_")
    file, split = FILES.get(task.name, (f"{suite}/{name}/default.yaml", "validation"))
    try:
        theirs = harness_task(file, {split: rows})
    except ImportError as error:  # ReCoRD's file needs a module that newer transformers do not have
        table.add_row(task.name, str(len(rows)), "-", "-", f"cannot be loaded: {error}", "")
        return
    theirs.build_all_requests(limit=None, rank=0, world_size=1)
    answers: dict[int, list[tuple[float, bool]]] = {}
    for instance in theirs.instances:
        answers.setdefault(instance.doc_id, []).append((likelihood(*instance.args), False))
    docs = {instance.doc_id: instance.doc for instance in theirs.instances}
    values: dict[str, list[Any]] = {}
    for doc_id, doc in docs.items():
        for metric, value in theirs.process_results(doc, answers[doc_id]).items():
            values.setdefault(metric, []).append(value)
    harness = {metric: float(theirs.aggregation()[metric](found)) for metric, found in values.items()}

    items = task.items(rows, [], 0)
    asked = [(item, Answer(tuple(likelihood(item.prompt, choice) for choice in item.choices))) for item in items]
    scores = [task.score(*one) for one in asked]
    mine = {metric.name: sum(score[metric.name] for score in scores) / len(scores) for metric in task.metrics}
    mine |= {
        name: value for name, value in summarise_figures(task.figures, asked, len(asked)).items() if name in harness
    }
    ours = {(item.prompt, choice) for item in items for choice in item.choices}
    equal = sum(instance.args in ours for instance in theirs.instances)
    table.add_row(task.name, str(len(rows)), str(len(theirs.instances)), str(equal), shown(harness), shown(mine))


def likelihood(prompt: str, choice: str) -> float:
    return -int.from_bytes(hashlib.sha256(f"{prompt}{choice}".encode()).digest()[:4], "big") / 2**28


def shown(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.6f}" for name, value in sorted(values.items()))


if __name__ == "__main__":
    main()
