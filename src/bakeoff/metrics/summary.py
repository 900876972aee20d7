"""From row records to metrics that hide nothing: every figure comes with its coverage and interval."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bakeoff.metrics.intervals import bootstrap_interval, wilson_interval
from bakeoff.metrics.rows import OUTCOMES, Row, scores_of


@dataclass(frozen=True)
class Metric:
    """How a metric's rows are summarised.

    maximum: the best possible score of a quality metric (scores run from 0); None for a plain figure such as seconds.
    binary: scores are 0 or 1, so its interval is Wilson's.
    """

    name: str
    maximum: float | None = None
    binary: bool = False


def summarise(rows: Sequence[Row], metric: Metric, rows_expected: int) -> dict[str, float]:
    """The metric's mean under its own name, and beside it `_rows_expected`, `_rows_scored`, `_rows_failed`,
    `_coverage` (scored of expected), `_ci_low` and `_ci_high` (95 %) and, for quality metrics, `_worst_case`.

    Rows expected leaves out the rows the metric does not apply to (`skipped`) and keeps rows that never arrived.
    Worst case is the mean with every failed row as zero. With no scored row a quality metric is 0 with the interval
    that says nothing (0 to its maximum), a plain figure is left out: zero seconds would look like a good result. An
    interval of a plain figure needs two rows.
    """
    name = metric.name
    scores = scores_of(rows, name)
    skipped = sum(row.get(f"{name}_status") == "skipped" for row in rows)
    expected = max(rows_expected - skipped, len(scores))
    summary: dict[str, float] = {
        f"{name}_rows_expected": expected,
        f"{name}_rows_scored": len(scores),
        f"{name}_rows_failed": expected - len(scores),
        f"{name}_coverage": len(scores) / expected if expected else 0.0,
    }
    if scores or metric.maximum is not None:
        summary[name] = mean(scores)
    if metric.maximum is not None:
        summary[f"{name}_worst_case"] = sum(scores) / expected if expected else 0.0
    interval = _interval(scores, metric)
    if interval is not None:
        summary[f"{name}_ci_low"], summary[f"{name}_ci_high"] = interval
    return summary


def mean(scores: Sequence[float]) -> float:
    """The arithmetic mean; 0 for no scores."""
    return fmean(scores) if scores else 0.0


def _interval(scores: Sequence[float], metric: Metric) -> tuple[float, float] | None:
    if not scores and metric.maximum is None:
        return None
    if metric.binary:
        return wilson_interval(mean(scores), len(scores))
    if len(set(scores)) > 1:
        return bootstrap_interval(scores)
    if metric.maximum is None:
        return (scores[0], scores[0]) if len(scores) > 1 else None
    low, high = wilson_interval(mean(scores) / metric.maximum, len(scores))
    return low * metric.maximum, high * metric.maximum


def count_outcomes(rows: Sequence[Row], rows_expected: int) -> dict[str, float]:
    """`rows_expected`, and how many of those were answered, refused, ..., or are missing; the parts add up to it.

    Truncated answers are those cut by the token limit; a refusal that was cut counts as refused. Expected is never
    below the number of rows at hand.
    """
    counts = Counter(row.get("outcome") if row.get("outcome") in OUTCOMES else "unparsable" for row in rows)
    expected = max(rows_expected, len(rows))
    parts = {f"rows_{outcome}": counts[outcome] for outcome in OUTCOMES}
    return {"rows_expected": expected, **parts, "rows_missing": expected - len(rows)}


def summarise_categories(rows: Sequence[Row], metrics: Sequence[Metric]) -> dict[str, float]:
    """For each category its rows at hand and, for each metric, the mean and how many rows it rests on:
    `category_<key>_rows`, `category_<key>_<metric>`, `category_<key>_<metric>_rows_scored`.

    Rows without a category are left out. Rows that never arrived belong to no category.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.get("category"):
            groups[category_key(str(row["category"]))].append(row)
    summary: dict[str, float] = {}
    for key, members in sorted(groups.items()):
        summary[f"category_{key}_rows"] = len(members)
        for metric in metrics:
            scores = scores_of(members, metric.name)
            summary[f"category_{key}_{metric.name}"] = mean(scores)
            summary[f"category_{key}_{metric.name}_rows_scored"] = len(scores)
    return summary


def category_key(category: str) -> str:
    """A category as part of a metric name: lower-case ASCII letters, digits and underscores.

    A name with none of those becomes a short hash. Names that differ only in case or punctuation share a key.
    """
    ascii_name = unicodedata.normalize("NFKD", category).encode("ascii", "ignore").decode()
    key = re.sub(r"[^a-z0-9]+", "_", ascii_name.lower()).strip("_")
    return key or hashlib.sha256(category.encode("utf-8", "surrogatepass")).hexdigest()[:8]
