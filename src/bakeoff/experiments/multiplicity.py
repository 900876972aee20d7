"""Many comparisons at once: Holm's correction over every pair of contenders and every metric that is tested."""

from collections.abc import Sequence
from dataclasses import replace

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
    """Holm-adjusted p-values in the given order. scipy has no such function, and statsmodels, which has one, brings
    pandas: a second and 50 MB for these lines.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
    6:65-70.
    """
    adjusted, least, count = [0.0] * len(p_values), 0.0, len(p_values)
    for rank, place in enumerate(sorted(range(count), key=p_values.__getitem__)):
        least = max(least, min(1.0, (count - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted
