"""From the rows of every contender to the result: metrics, paired comparisons, costs, verdict, gates."""

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from bakeoff import __version__
from bakeoff.errors import InputError
from bakeoff.experiments.cost import BreakEven, Cost, break_even, local_cost, token_cost
from bakeoff.experiments.definition import Contender, Experiment, MetricChoice, Task
from bakeoff.experiments.limits import ContenderSummary
from bakeoff.experiments.multiplicity import adjust
from bakeoff.experiments.paired import Comparison, compare
from bakeoff.experiments.pairing import Scores, pair, read_scores
from bakeoff.experiments.prices import Price
from bakeoff.experiments.repeats import VarianceComponents, mean_over_runs, variance_components
from bakeoff.experiments.result import (
    CategoryResult,
    ContenderResult,
    ExperimentResult,
    Latency,
    MetricResult,
    TaskResult,
    ThisRun,
    Tokens,
)
from bakeoff.experiments.rows import CellRun, RowResult
from bakeoff.experiments.verdict import decide
from bakeoff.metrics.rows import Score, scored
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import Metric, count_outcomes, summarise
from bakeoff.serving.memory import cores
from bakeoff.serving.shared_address import WORKERS

ENDPOINTS = ("openai:", "azure:")
ERRORS_SHOWN = 5
ROUNDING = 1e-9


def analyse(experiment: Experiment, cells: Sequence[CellRun], this_run: ThisRun) -> ExperimentResult:
    """The result of all cells (contender x task x repeat; the same repeats for each contender).

    Every pair of contenders is compared on every metric, and Holm's correction covers all tasks together.
    Raises InputError where rows have no such metric or lack a cluster.
    """
    comparisons = [
        (task, c) for task in experiment.tasks for c in _comparisons(experiment, task, _of_task(cells, task))
    ]
    adjusted = adjust([c for _, c in comparisons])
    by_task: dict[str, list[Comparison]] = defaultdict(list)
    for (task, _), comparison in zip(comparisons, adjusted, strict=True):
        by_task[task.name].append(comparison)
    tasks = [_task(experiment, task, _of_task(cells, task), by_task[task.name]) for task in experiment.tasks]
    return ExperimentResult(
        experiment=experiment.name,
        description=experiment.description,
        bakeoff=__version__,
        seed=experiment.seed,
        decision=experiment.decision.name,
        currency=experiment.limits.currency,
        tasks=tuple(tasks),
        this_run=this_run,
    )


def _of_task(cells: Sequence[CellRun], task: Task) -> dict[str, list[CellRun]]:
    """Repeats by contender."""
    found: dict[str, list[CellRun]] = defaultdict(list)
    for cell in cells:
        if cell.task == task.name:
            found[cell.contender].append(cell)
    return found


def _runs(repeats: Sequence[CellRun], metric: MetricChoice) -> list[Scores]:
    """The row scores of each run. Raises InputError for one that the metric cannot have."""
    runs = [
        read_scores([row.record for row in cell.rows if row.record is not None], metric.name, cell.contender)
        for cell in repeats
    ]
    given = [score for run in runs for score in run.by_id.values() if score is not None]
    if metric.maximum is not None and given and (min(given) < -ROUNDING or max(given) > metric.maximum + ROUNDING):
        raise InputError(
            f"metric {metric.name!r}: {repeats[0].contender} has scores from {min(given):g} to {max(given):g}, and the "
            f"metric goes from 0 to {metric.maximum:g}: set its `maximum` in the experiment, null for one without"
        )
    return runs


def _over_runs(runs: Sequence[Scores]) -> Scores:
    return runs[0] if len(runs) == 1 else mean_over_runs(runs)


def _comparisons(experiment: Experiment, task: Task, cells: Mapping[str, list[CellRun]]) -> Iterator[Comparison]:
    for metric in experiment.metrics:
        scores = {name: _over_runs(_runs(repeats, metric)) for name, repeats in cells.items()}
        for a, b in combinations(scores, 2):
            rows = cells[a][0].rows
            yield compare(
                pair(scores[a], scores[b], len(rows)),
                "continuous" if metric.kind == "pass_fail" and len(cells[a]) > 1 else metric.kind,
                maximum=metric.maximum,
                clusters=_clusters(task, rows) if task.clusters else None,
                seed=experiment.seed,
            )


def _clusters(task: Task, rows: Sequence[RowResult]) -> dict[str, str]:
    column = task.clusters or ""
    if lacking := [row.id for row in rows if row.data.get(column) in (None, "")]:
        raise InputError(f"{task.data}: row {lacking[0]!r} has no {column!r}, the column that `clusters` names")
    return {row.id: str(row.data[column]) for row in rows}


def _task(
    experiment: Experiment, task: Task, cells: Mapping[str, list[CellRun]], comparisons: Sequence[Comparison]
) -> TaskResult:
    contenders = [_contender(experiment, task, c, cells[c.name]) for c in experiment.contenders]
    decision = experiment.decision
    verdict = decide(
        [_summary(c, decision.name, _why_unscored(cells[c.name], decision.name)) for c in contenders],
        comparisons,
        experiment.limits,
        metric=decision.name,
        label=decision.label,
    )
    repeats = cells[contenders[0].name]
    base = experiment.path.parent
    return TaskResult(
        name=task.name,
        flow=_shown(task.flow.folder, base),
        data=_shown(task.data, base),
        evaluation=_shown(task.evaluation.folder, base),
        rows=len(repeats[0].rows),
        repeats=len(repeats),
        contenders=tuple(contenders),
        comparisons=tuple(comparisons),
        verdict=verdict,
        break_even=tuple(_break_even(experiment, task, cells, contenders)),
    )


def _shown(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()


def _why_unscored(repeats: Sequence[CellRun], metric: str) -> str:
    """The reason that most rows without a score give."""
    records = [row.record for cell in repeats for row in cell.rows if row.record is not None]
    reasons = Counter(r.get(f"{metric}_reason") or "" for r in records if r.get(f"{metric}_status") == "failed")
    return str(reasons.most_common(1)[0][0]) if reasons else ""


def _summary(contender: ContenderResult, decision: str, why_unscored: str) -> ContenderSummary:
    metric = contender.metric(decision)
    if metric is None:
        raise InputError(f"{contender.name} has no metric {decision!r}")
    return ContenderSummary(
        name=contender.name,
        quality=metric.mean,
        low=metric.low,
        high=metric.high,
        coverage=metric.coverage,
        latency_p95=contender.latency.p95 if contender.latency else None,
        memory_mb=contender.peak_memory_mb_approximate,
        cost_per_1000=contender.cost.per_1000,
        stays_on_machine=contender.stays_on_machine,
        why_unscored=why_unscored,
    )


def _contender(experiment: Experiment, task: Task, contender: Contender, repeats: Sequence[CellRun]) -> ContenderResult:
    rows = [row for cell in repeats for row in cell.rows]
    expected = len(repeats[0].rows)
    runs = {metric.name: _runs(repeats, metric) for metric in experiment.metrics}
    scores = {name: _over_runs(found) for name, found in runs.items()}
    seconds = [0.0] * len(rows) if contender.baseline else _times(task, rows)
    latency = Latency(percentile(seconds, 50), percentile(seconds, 95), fmean(seconds)) if seconds else None
    memory = [cell.peak_memory_mb for cell in repeats if cell.peak_memory_mb is not None]
    records = [row.record for row in rows if row.record is not None]
    outcomes = count_outcomes(records, len(rows))
    return ContenderResult(
        name=contender.name,
        baseline=contender.baseline is not None,
        inputs=contender.inputs,
        connections=contender.connections,
        models=_models(rows),
        outcomes={name.removeprefix("rows_"): int(n) for name, n in outcomes.items() if n and name != "rows_expected"},
        errors=dict(Counter(row.error for row in rows if row.error).most_common(ERRORS_SHOWN)),
        metrics=tuple(_metric(m, runs[m.name], expected) for m in experiment.metrics),
        categories=tuple(_categories(repeats[0].rows, scores)),
        latency=latency,
        peak_memory_mb_approximate=0.0 if contender.baseline else max(memory, default=None),
        tokens=_tokens(rows),
        cost=_cost(experiment, contender, rows, _machine_seconds(task, contender, repeats, latency)),
        stays_on_machine=_stays(task, contender, rows),
        variance=_variance(runs[experiment.decision.name]),
        evaluations=tuple(cell.metrics for cell in repeats),
        runs=tuple(dict.fromkeys(run for cell in repeats for run in cell.runs)),
    )


def _metric(metric: MetricChoice, runs: Sequence[Scores], expected: int) -> MetricResult:
    """Summarised from the row scores, by the same rules as in the evaluation flows.

    Mean and interval are of the rows, each with its mean over the runs; coverage and worst case are of every answer, so
    that a run that failed is not hidden by those that did not.
    """
    name = metric.name
    binary = metric.kind == "pass_fail" and len(runs) == 1
    found = _summarised(metric, [_over_runs(runs)], expected, binary)
    answers = _summarised(metric, runs, expected * len(runs), binary)
    rows_scored = int(answers[f"{name}_rows_scored"])
    return MetricResult(
        name=name,
        label=metric.label,
        kind=metric.kind,
        mean=found[name] if rows_scored else None,
        low=found.get(f"{name}_ci_low"),
        high=found.get(f"{name}_ci_high"),
        rows_expected=int(answers[f"{name}_rows_expected"]),
        rows_scored=rows_scored,
        coverage=answers[f"{name}_coverage"],
        worst_case=answers.get(f"{name}_worst_case"),
    )


def _summarised(metric: MetricChoice, runs: Sequence[Scores], expected: int, binary: bool) -> dict[str, float]:
    scores = [Score("failed") if s is None else scored(s) for run in runs for s in run.by_id.values()]
    scores += [Score("skipped") for run in runs for _ in run.skipped]
    records = [score.fields(metric.name) for score in scores]
    return summarise(records, Metric(metric.name, metric.maximum, binary), expected)


def _categories(rows: Sequence[RowResult], scores: Mapping[str, Scores]) -> Iterator[CategoryResult]:
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.data.get("category"):
            groups[str(row.data["category"])].append(row.id)
    for category, ids in sorted(groups.items()):
        found = {m: [v for i in ids if (v := s.by_id.get(i)) is not None] for m, s in scores.items()}
        yield CategoryResult(category, len(ids), {m: fmean(v) if v else None for m, v in found.items()})


def _times(task: Task, rows: Sequence[RowResult]) -> list[float]:
    """Seconds of each row that has them: the metrics that the task names, else the line's time in Prompt Flow.

    A part that the evaluation skipped (a model that was not asked) took no time; one that failed leaves its row out.
    Raises InputError for a metric that the evaluation does not have.
    """
    if not task.latency:
        return [row.seconds for row in rows if row.seconds is not None]
    records = [row.record for row in rows if row.record is not None]
    for metric in task.latency:
        if records and not any(f"{metric}_status" in record for record in records):
            raise InputError(f"{task.evaluation.folder} has no metric {metric!r}, which `latency` of {task.name} names")
    times = []
    for record in (row.record or {} for row in rows):
        parts: list[Any] = [record.get(f"{m}_score") for m in task.latency if record.get(f"{m}_status") != "skipped"]
        if parts and None not in parts:
            times.append(math.fsum(parts))
    return times


def _tokens(rows: Sequence[RowResult]) -> Tokens | None:
    prompt, completion = _token_counts(rows)
    return Tokens(sum(prompt), sum(completion), len(prompt)) if prompt else None


def _token_counts(rows: Sequence[RowResult]) -> tuple[list[int], list[int]]:
    counts = [(row.completion.get("prompt_tokens"), row.completion.get("completion_tokens")) for row in rows]
    known = [(p, c) for p, c in counts if isinstance(p, int) and isinstance(c, int)]
    return [p for p, _ in known], [c for _, c in known]


def _models(rows: Sequence[RowResult]) -> tuple[str, ...]:
    found = (row.completion.get("model") for row in rows)
    named = {f"{m.get('name')} {m.get('revision') or '(revision unknown)'}" for m in found if isinstance(m, Mapping)}
    return tuple(sorted(named))


def _stays(task: Task, contender: Contender, rows: Sequence[RowResult]) -> bool:
    if contender.stays_on_machine is not None:
        return contender.stays_on_machine
    if contender.baseline:
        return True
    given = [definition.get("default") for definition in task.flow.inputs.values() if isinstance(definition, Mapping)]
    given += [*task.column_mapping.values(), *contender.inputs.values()]
    if contender.connections or any(str(value).startswith(ENDPOINTS) for value in given):
        return False
    answered = [row.completion for row in rows if row.output is not None]
    return bool(answered) and all((record.get("model") or {}).get("provider") == "onnx" for record in answered)


def _cost(experiment: Experiment, contender: Contender, rows: Sequence[RowResult], seconds: float | None) -> Cost:
    """seconds: of the whole machine for a request."""
    if contender.baseline:
        return Cost(0.0, "no model runs")
    if isinstance(contender.price, Price):
        return token_cost(contender.price, *_token_counts(rows))
    if contender.price == "local" and experiment.hardware:
        return local_cost(experiment.hardware, seconds, experiment.limits.monthly_requests)
    return Cost(None, "no price is stated")


def _machine_seconds(
    task: Task, contender: Contender, repeats: Sequence[CellRun], latency: Latency | None
) -> float | None:
    """Seconds of the whole machine for a request: so many ran at once as there were workers.

    Of answers that an older bakeoff kept nobody knows how many; those are taken that a run would get now.
    """
    known = [cell.workers for cell in repeats if cell.workers]
    workers = fmean(known) if known else int({**task.environment, **contender.environment}.get(WORKERS) or cores())
    return latency.mean / workers if latency else None


def _break_even(
    experiment: Experiment, task: Task, cells: Mapping[str, Sequence[CellRun]], contenders: Sequence[ContenderResult]
) -> Iterator[BreakEven]:
    """Every contender priced as local against every one priced by tokens."""
    results = {c.name: c for c in contenders}
    for local in experiment.contenders:
        seconds = _machine_seconds(task, local, cells[local.name], results[local.name].latency)
        if local.price != "local" or experiment.hardware is None or not seconds:
            continue
        for cloud in experiment.contenders:
            per_1000 = results[cloud.name].cost.per_1000
            if isinstance(cloud.price, Price) and per_1000 is not None:
                yield break_even(local.name, experiment.hardware, seconds, cloud.name, per_1000)


def _variance(runs: Sequence[Scores]) -> VarianceComponents | None:
    if len(runs) < 2:
        return None
    try:
        return variance_components(runs)
    except InputError:  # fewer than two items, or none that was scored twice: nothing to split
        return None
