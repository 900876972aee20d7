"""The result of an experiment as one tree, and its JSON. `result.schema.json` describes it.

Everything but `this_run` depends on the experiment, the data and the answers alone: the same seed and a warm cache
give the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bakeoff.experiments.cost import BreakEven, Cost
from bakeoff.experiments.paired import Comparison, Kind
from bakeoff.experiments.repeats import VarianceComponents
from bakeoff.experiments.verdict import Verdict


@dataclass(frozen=True)
class MetricResult:
    """One metric of one contender: mean, 95 % interval, share of the rows that were scored, and the mean with every
    row without a score as zero (None for plain figures). mean is None where no row was scored."""

    name: str
    label: str
    kind: Kind
    mean: float | None
    low: float | None
    high: float | None
    rows_expected: int
    rows_scored: int
    coverage: float
    worst_case: float | None


@dataclass(frozen=True)
class CategoryResult:
    """Rows of one category, and the mean of each metric over those that were scored."""

    category: str
    rows: int
    means: Mapping[str, float | None]


@dataclass(frozen=True)
class Latency:
    """Seconds of a request: percentiles and mean over all rows that have a time."""

    p50: float
    p95: float
    mean: float


@dataclass(frozen=True)
class Tokens:
    """Of the rows that have counts: totals, and how many rows that were."""

    prompt: int
    completion: int
    rows: int


@dataclass(frozen=True)
class ContenderResult:
    """One contender on one task.

    models: which models answered, name and revision. outcomes: rows by what became of them, over all repeats.
    errors: messages of failed rows and how often each came. peak_memory_mb_approximate: the largest sum of the
    proportional memory of all processes of a run, Prompt Flow's own included. evaluations: what the evaluation flow
    logged in each repeat. variance: of the decision metric, where there are repeats. runs: Prompt Flow runs.
    """

    name: str
    baseline: bool
    inputs: Mapping[str, Any]
    connections: Mapping[str, Mapping[str, str]]
    models: tuple[str, ...]
    outcomes: Mapping[str, int]
    errors: Mapping[str, int]
    metrics: tuple[MetricResult, ...]
    categories: tuple[CategoryResult, ...]
    latency: Latency | None
    peak_memory_mb_approximate: float | None
    tokens: Tokens | None
    cost: Cost
    stays_on_machine: bool
    variance: VarianceComponents | None
    evaluations: tuple[Mapping[str, float], ...] = field(repr=False)
    runs: tuple[str, ...] = field(repr=False)

    def metric(self, name: str) -> MetricResult | None:
        """The metric of that name."""
        return next((m for m in self.metrics if m.name == name), None)


@dataclass(frozen=True)
class GateResult:
    """One gate on one contender; `message` says what was asked and what came."""

    gate: str
    contender: str
    passed: bool
    message: str


@dataclass(frozen=True)
class TaskResult:
    """All contenders on one task. comparisons are Holm-adjusted over the whole experiment."""

    name: str
    flow: str
    data: str
    evaluation: str
    rows: int
    repeats: int
    contenders: tuple[ContenderResult, ...]
    comparisons: tuple[Comparison, ...]
    verdict: Verdict
    break_even: tuple[BreakEven, ...]
    gates: tuple[GateResult, ...] = ()


@dataclass(frozen=True)
class ThisRun:
    """What holds for this run alone: when, how long in seconds, how many rows needed no new answer, and the command
    that does it again."""

    started: str
    seconds: float
    rows: int
    rows_from_cache: int
    command: str


@dataclass(frozen=True)
class ExperimentResult:
    """The root of the tree. decision: the metric that decides; currency: of all costs."""

    experiment: str
    description: str
    bakeoff: str
    seed: int
    decision: str
    currency: str
    tasks: tuple[TaskResult, ...]
    this_run: ThisRun

    @property
    def passed(self) -> bool:
        """Whether every gate held; true without gates."""
        return all(gate.passed for task in self.tasks for gate in task.gates)


def to_json(result: ExperimentResult) -> str:
    """The tree as JSON; raises ValueError for NaN or infinity, which JSON does not have."""
    return json.dumps(asdict(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
