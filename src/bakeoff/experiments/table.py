"""The table of contenders that the terminal and the Markdown report share."""

from bakeoff.experiments.result import ContenderResult, ExperimentResult, TaskResult
from bakeoff.experiments.wording import interval_text
from bakeoff.metrics.table import number


def header(result: ExperimentResult, task: TaskResult) -> list[str]:
    """Names of the columns; the decision metric comes first, with its interval."""
    decision, *others = task.contenders[0].metrics
    cost = f"{result.currency} per 1,000"
    return ["contender", f"{decision.label} (95 %)", *(m.label for m in others), "scored", "p95", "memory", cost]


def table_rows(task: TaskResult) -> list[list[str]]:
    """One line a contender, the best mean first; a dash is unknown."""
    ordered = sorted(task.contenders, key=lambda c: (c.metrics[0].mean is None, -(c.metrics[0].mean or 0.0)))
    return [_cells(contender) for contender in ordered]


def summary_line(task: TaskResult) -> str:
    """`chat . 196 rows . 3 contenders`"""
    repeats = f" . {task.repeats} repeats" if task.repeats > 1 else ""
    return f"{task.name} . {task.rows:,} rows . {len(task.contenders)} contenders{repeats}"


def cache_text(result: ExperimentResult) -> str:
    """`cache 50 % (98 of 196 answers)`"""
    run = result.this_run
    share = 100 * run.rows_from_cache // run.rows if run.rows else 0
    return f"cache {share} % ({run.rows_from_cache:,} of {run.rows:,} answers)"


def gate_lines(task: TaskResult) -> list[str]:
    """One line a gate, failed ones first."""
    ordered = sorted(task.gates, key=lambda gate: gate.passed)
    return [f"{'passed' if g.passed else 'FAILED'}: {g.contender}, {g.gate}: {g.message}" for g in ordered]


def note_lines(task: TaskResult) -> list[str]:
    """Why a contender cannot win, errors of rows, and from which volume on a local machine is cheaper."""
    lines = [f"{name} cannot win: {'; '.join(reasons)}" for name, reasons in task.verdict.reasons.items()]
    for contender in task.contenders:
        lines += [f"{contender.name}, {count} rows: {message}" for message, count in contender.errors.items()]
        if contender.variance:
            share = f"{contender.variance.run_share:.0%}"
            lines.append(f"{contender.name}: {share} of a row's variance comes from running it again")
    for point in task.break_even:
        volume = "never" if point.monthly_requests is None else f"from {point.monthly_requests:,} requests a month on"
        lines.append(f"{point.local} is cheaper than {point.cloud}: {volume} ({point.reason})")
    return lines


def _cells(contender: ContenderResult) -> list[str]:
    decision, *others = contender.metrics
    shown = "-" if decision.mean is None else interval_text(decision.mean, decision.low, decision.high)
    latency, memory, cost = contender.latency, contender.peak_memory_mb_approximate, contender.cost.per_1000
    return [
        contender.name,
        shown,
        *(number(metric.mean) for metric in others),
        f"{decision.coverage:.0%}",
        f"{number(latency.p95)} s" if latency else "-",
        "-" if memory is None else f"{memory:,.0f} MB",
        number(cost),
    ]
