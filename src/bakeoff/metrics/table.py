"""The metrics of an evaluation run as tables a person can read."""

import sys
from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

OUTCOME, BLAME, CODE, INTERVAL = "rows_", "blame_", "code_", "_ci_low"
SPLITS = ("category", "degradation", "question_type")
SECONDS = ("latency", "time_to_first_token", "retrieval_latency", "generation_latency")


def print_metrics(metrics: Mapping[str, float], console: Console | None = None) -> None:
    """Print what became of the rows, every metric that has an interval, and the means of each part of a split."""
    console = console or Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    console.print(outcome_line(metrics))
    if any(name.startswith(BLAME) for name in metrics):
        console.print(blame_line(metrics))
    if any(name.startswith(CODE) for name in metrics):
        console.print(code_line(metrics))
    console.print(metric_table(metrics))
    for table in (split_table(metrics, split) for split in SPLITS):
        if table.row_count:
            console.print(table)


def outcome_line(metrics: Mapping[str, float]) -> str:
    """`196 rows expected: 190 answered, 4 truncated, 2 missing`; outcomes nobody had are left out."""
    hidden = ("rows_expected", "rows_expected_known")
    counts = {name: int(n) for name, n in metrics.items() if name.startswith(OUTCOME) and name not in hidden and n}
    parts = [f"{count} {name.removeprefix(OUTCOME).replace('_', ' ')}" for name, count in counts.items()]
    return f"{int(metrics.get('rows_expected', 0))} rows expected: {', '.join(parts) or 'none arrived'}"


def blame_line(metrics: Mapping[str, float]) -> str:
    """`where answers were lost: 176 generation, 4 packing; 92 right`, from the counts of evaluations/rag."""
    counts = {name.removeprefix(BLAME): int(n) for name, n in metrics.items() if name.startswith(BLAME) and n}
    right = counts.pop("none", 0)
    lost = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"where answers were lost: {lost or 'nowhere'}; {right} right"


def code_line(metrics: Mapping[str, float]) -> str:
    """`what became of the code: 9 unparsable, 6 drew, 5 error`, from the counts of evaluations/chart_to_code."""
    counts = {name.removeprefix(CODE): int(n) for name, n in metrics.items() if name.startswith(CODE) and n}
    became = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"what became of the code: {became or 'there was none'}"


def metric_table(metrics: Mapping[str, float]) -> Table:
    """Mean, 95 % interval, share of the expected rows that were scored, and the mean with failures as zero."""
    headers = ("mean", "95 %", "coverage", "worst case")
    table = Table("metric", *(Column(header, justify="right") for header in headers), box=SIMPLE_HEAD)
    for name in (key.removesuffix(INTERVAL) for key in metrics if key.endswith(INTERVAL)):
        interval = f"{number(metrics[f'{name}_ci_low'])} to {number(metrics[f'{name}_ci_high'])}"
        worst = metrics.get(f"{name}_worst_case")
        coverage = metrics.get(f"{name}_coverage")
        share = "-" if coverage is None else f"{coverage:.0%}"
        shown = (number(metrics.get(name)), interval, share, number(worst))
        table.add_row(label(name), *shown)
    for name in (key for key in metrics if key.endswith(("_p50", "_p95", "_total", "_corpus"))):
        table.add_row(label(name), number(metrics[name]))
    return table


def split_table(metrics: Mapping[str, float], split: str) -> Table:
    """Rows and means of each part of a split (each category, ...), one column a metric."""
    start = f"{split}_"
    names = [key[len(start) : -len("_rows")] for key in metrics if key.startswith(start) and key.endswith("_rows")]
    prefix = f"{start}{names[0]}_" if names else start
    keys = (key.removeprefix(prefix) for key in metrics if key.startswith(prefix))
    columns = [key for key in keys if not key.startswith("rows") and not key.endswith("_rows_scored")]
    headers = [Column(column.replace("_", " "), justify="right") for column in ("rows", *columns)]
    table = Table(Column(split.replace("_", " "), no_wrap=True), *headers, box=SIMPLE_HEAD)
    for name in names:
        part = f"{start}{name}_"
        scored = [metrics.get(f"{part}{column}_rows_scored", 1) for column in columns]
        means = [
            number(metrics.get(f"{part}{column}") if n else None) for column, n in zip(columns, scored, strict=True)
        ]
        table.add_row(name.replace("_", " "), str(int(metrics[f"{part}rows"])), *means)
    return table


def label(name: str) -> str:
    """A metric's name in words, with its unit where it has one."""
    return name.replace("_", " ") + (" (s)" if name.startswith(SECONDS) else "")


def number(value: float | None) -> str:
    """Three significant digits, whole numbers from 1,000 on, a dash for what is not there."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
