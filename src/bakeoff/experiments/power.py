"""What a paired comparison of so many rows can show, and how many rows would decide it."""

import math
from statistics import NormalDist

from scipy.optimize import brentq

from bakeoff.experiments.paired import Comparison

ALPHA = 0.05
POWER = 0.8


def power_of(comparison: Comparison, alpha: float = ALPHA) -> tuple[float | None, int | None]:
    """(detectable difference, rows needed) of a comparison at 80 % power and the two-sided level alpha.

    Rows needed assumes that the observed difference is the true one; it is more than the paired rows at hand unless
    the comparison is significant at alpha. None where there is no difference, or too few rows to know its spread.
    """
    rows, difference = comparison.counts.paired, comparison.difference
    if difference is None:
        return None, None
    if comparison.discordant is not None:
        detectable = mcnemar_detectable(rows, comparison.discordant, alpha)
        needed = mcnemar_rows_needed(difference, comparison.discordant, alpha) if difference else None
    elif comparison.sd:
        units = comparison.clusters or rows
        detectable = mean_detectable(units, comparison.sd, alpha)
        needed = mean_rows_needed(difference, comparison.sd, alpha) if difference else None
        needed = math.ceil(needed * rows / units) if needed else None
    else:
        return None, None
    if needed is not None and comparison.p_value > alpha:
        needed = max(needed, rows + 1)
    return detectable, needed


def mean_rows_needed(difference: float, sd: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """Pairs that a paired test of a mean needs to show a difference whose standard deviation over pairs is sd.

    Normal formula plus z squared over 2, which is within a row of the t test's exact number, and never fewer than
    the sign-flip test needs to reach alpha at all. Wilcoxon's test needs about as many.
    Source: Guenther 1981, "Sample size formulas for normal theory t tests", The American Statistician 35:243-244.
    """
    z, z_power = _quantiles(alpha, power)
    rows = ((z + z_power) * sd / difference) ** 2 + z**2 / 2
    return max(math.ceil(rows), _fewest_pairs(alpha))


def mean_detectable(pairs: int, sd: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Smallest mean difference that so many pairs show; the inverse of `mean_rows_needed`. None for too few pairs."""
    if pairs < _fewest_pairs(alpha):
        return None
    z, z_power = _quantiles(alpha, power)
    return (z + z_power) * sd / math.sqrt(pairs - z**2 / 2)


def mcnemar_rows_needed(difference: float, discordant: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """Rows that McNemar's test needs to show a difference of pass rates when this share of rows is discordant.

    Source: Connor 1987, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43:207-211.
    """
    return math.ceil(_connor(abs(difference), discordant, *_quantiles(alpha, power)))


def mcnemar_detectable(rows: int, discordant: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Smallest difference of pass rates that so many rows show; None where they cannot show even a difference of 1.

    The share of discordant rows is taken as given, or as the difference itself where that is larger.
    """
    z, z_power = _quantiles(alpha, power)

    def excess(difference: float) -> float:
        return _connor(difference, max(discordant, difference), z, z_power) - rows

    return None if excess(1.0) > 0 else float(brentq(excess, 1e-9, 1.0))


def _connor(difference: float, discordant: float, z: float, z_power: float) -> float:
    return float((z * discordant**0.5 + z_power * (discordant - difference**2) ** 0.5) ** 2 / difference**2)


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    return NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)


def _fewest_pairs(alpha: float) -> int:
    """With n differences of one sign the sign-flip test gives p = 2 / 2**n."""
    return math.ceil(1 + math.log2(1 / alpha))
