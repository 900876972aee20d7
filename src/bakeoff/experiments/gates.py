"""Gates: what must hold of a contender, or the command ends with 1. What is missing or unscored never holds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bakeoff.errors import InputError
from bakeoff.experiments.definition import Gates
from bakeoff.experiments.evidence import holds_margin
from bakeoff.experiments.paired import Comparison
from bakeoff.experiments.result import ContenderResult, ExperimentResult, GateResult, TaskResult
from bakeoff.experiments.wording import interval_text

Blessed = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Means by task, contender and metric."""


def with_gates(result: ExperimentResult, gates: Gates | None) -> ExperimentResult:
    """The result with its gates checked, against the blessed means as they are on disk now."""
    if gates is None:
        return result
    blessed = read_blessed(gates.blessed) if gates.blessed else None
    tasks = (replace(task, gates=check_gates(gates, task, result.decision, blessed)) for task in result.tasks)
    return replace(result, tasks=tuple(tasks))


def check_gates(gates: Gates, task: TaskResult, decision: str, blessed: Blessed | None) -> tuple[GateResult, ...]:
    """Every gate on every contender it binds. blessed: None where there is no such file, and then no drop holds."""
    bound = [c for c in task.contenders if (c.name in gates.contenders if gates.contenders else not c.baseline)]
    return tuple(result for contender in bound for result in _check(gates, contender, task, decision, blessed))


def read_blessed(path: Path) -> Blessed | None:
    """What `bakeoff run --bless` wrote, None where nothing is there. Raises InputError for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {t: {c: {m: float(v) for m, v in ms.items()} for c, ms in cs.items()} for t, cs in content.items()}
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is no blessed result: {error}; write it anew by `bakeoff run --bless`") from error


def write_blessed(path: Path, tasks: Sequence[TaskResult]) -> None:
    """The means that later runs may not fall far below; metrics without a score are left out."""
    means = {
        task.name: {c.name: {m.name: m.mean for m in c.metrics if m.mean is not None} for c in task.contenders}
        for task in tasks
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(means, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _check(
    gates: Gates, contender: ContenderResult, task: TaskResult, decision: str, blessed: Blessed | None
) -> Iterator[GateResult]:
    def result(gate: str, passed: bool, message: str) -> GateResult:
        return GateResult(gate, contender.name, passed, message)

    means = {m.name: m.mean for m in contender.metrics if m.rows_scored}
    for metric, floor in gates.floors.items():
        mean = means.get(metric)
        found = "no row has a score" if mean is None else f"{mean:.4g}"
        yield result(f"{metric} floor", mean is not None and mean >= floor, f"at least {floor:g}: {found}")
    for metric, drop in gates.largest_drop.items():
        mean, before = means.get(metric), (blessed or {}).get(task.name, {}).get(contender.name, {}).get(metric)
        asked = f"at most {drop:g} below the blessed mean"
        if before is None:
            yield result(f"{metric} drop", False, f"{asked}: none is blessed, run with --bless once")
        elif mean is None:
            yield result(f"{metric} drop", False, f"{asked} of {before:.4g}: no row has a score")
        else:
            yield result(f"{metric} drop", before - mean <= drop + 1e-12, f"{asked} of {before:.4g}: {mean:.4g}")
    if gates.least_coverage is not None:
        for m in contender.metrics:
            found = f"{m.rows_scored} of {m.rows_expected} rows"
            message = f"at least {gates.least_coverage:.4g} of the rows scored: {found}"
            yield result(f"{m.name} coverage", m.rows_scored > 0 and m.coverage >= gates.least_coverage, message)
    if gates.latency_p95 is not None:
        p95 = contender.latency.p95 if contender.latency else None
        found = "unknown" if p95 is None else f"{p95:.4g} s"
        passed = p95 is not None and p95 <= gates.latency_p95
        yield result("latency p95", passed, f"at most {gates.latency_p95:g} s: {found}")
    if gates.reference is not None and gates.margin is not None and contender.name != gates.reference:
        comparison = _against(task.comparisons, contender.name, gates.reference, decision)
        asked = f"{decision} shown to be less than {gates.margin:g} below {gates.reference}"
        if comparison is None or comparison.difference is None:
            yield result("non-inferiority", False, f"{asked}: no rows are paired")
        else:
            found = interval_text(comparison.difference, comparison.low, comparison.high)
            yield result("non-inferiority", holds_margin(comparison, gates.margin), f"{asked}: {found}")


def _against(comparisons: Sequence[Comparison], a: str, b: str, metric: str) -> Comparison | None:
    found = next((c for c in comparisons if c.metric == metric and {c.a, c.b} == {a, b}), None)
    return found if found is None or found.a == a else found.reversed()
