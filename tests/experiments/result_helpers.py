"""Experiments and cells without running anything."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.experiments.analysis import analyse
from bakeoff.experiments.definition import Contender, Experiment, Flow, MetricChoice, Rule, Task
from bakeoff.experiments.limits import Limits
from bakeoff.experiments.result import ExperimentResult, ThisRun
from bakeoff.experiments.rows import CellRun, RowResult
from bakeoff.metrics.rows import failed, scored

THIS_RUN = ThisRun("2026-11-23T00:00:00+00:00", 1.5, 20, 5, "bakeoff run experiments/tiny.yaml")
FLOW = Flow(Path("/bundle/flows/tiny"), {"word": {"type": "string"}}, {}, ("say",), ())


def task(**changes: Any) -> Task:
    values = {
        "name": "tiny",
        "flow": FLOW,
        "data": Path("/bundle/data/tiny.jsonl"),
        "column_mapping": {},
        "environment": {"PF_WORKER_COUNT": "2"},
        "evaluation": FLOW,
        "evaluation_mapping": {},
        "evaluation_environment": {},
    }
    return Task(**(values | changes))


def experiment(*contenders: Contender, **changes: Any) -> Experiment:
    values = {
        "path": Path("/bundle/experiments/tiny.yaml"),
        "description": "",
        "seed": 0,
        "tasks": (task(),),
        "contenders": contenders,
        "metrics": (MetricChoice("match", "match", "pass_fail"),),
        "limits": Limits(),
        "gates": None,
        "hardware": None,
    }
    return Experiment(**(values | changes))


def constant(name: str) -> Contender:
    return Contender(name, baseline={"answer": Rule("constant", "x")})


def row(number: int, score: float | None, *, completion: Mapping[str, Any] | None = None, error: str = "") -> RowResult:
    """Score None: a record without a score; with an error: no output and no record either."""
    record = (failed("no") if score is None else scored(score)).fields("match")
    return RowResult(
        id=f"r{number:02}",
        data={"category": "ab"[number % 2], "document": str(number // 2)},
        output=None if error else {"answer": "=1+1 <b>", "completion": completion or {}},
        seconds=None if error else 0.1 * number,
        record=None if error else {"id": f"r{number:02}", "outcome": "answered"} | record,
        error=error,
    )


def cell(contender: str, rows: Sequence[RowResult], repeat: int = 1, **changes: Any) -> CellRun:
    values = {
        "task": "tiny",
        "contender": contender,
        "repeat": repeat,
        "rows": tuple(rows),
        "metrics": {},
        "peak_memory_mb": 100.0,
        "from_cache": 0,
        "runs": (f"{contender}_1",),
    }
    return CellRun(**(values | changes))


def result_of(scores: Mapping[str, Sequence[float | None]], **changes: Any) -> ExperimentResult:
    """Contenders with these scores."""
    cells = [cell(name, [row(n, s) for n, s in enumerate(values)]) for name, values in scores.items()]
    return analyse(experiment(*(Contender(name) for name in scores), **changes), cells, THIS_RUN)
