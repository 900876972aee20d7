"""Many comparisons at once: Holm's correction over every pair of contenders and every metric that is tested."""

from collections.abc import Sequence
from dataclasses import replace

from statsmodels.stats.multitest import multipletests

from bakeoff.experiments.paired import Comparison
from bakeoff.experiments.power import ALPHA, power_of


def adjust(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with their Holm-adjusted p-values, and with power at Holm's strictest level (alpha / count)."""
    if not comparisons:
        return []
    level = ALPHA / len(comparisons)
    adjusted = []
    for comparison, p_adjusted in zip(comparisons, holm([c.p_value for c in comparisons]), strict=True):
        detectable, needed = power_of(comparison, level)
        adjusted.append(replace(comparison, p_adjusted=p_adjusted, detectable=detectable, rows_needed=needed))
    return adjusted


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values in the given order.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
    6:65-70.
    """
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []
