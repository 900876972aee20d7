"""95 % confidence intervals of a proportion and of a mean, with numpy only."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

_Z = NormalDist().inv_cdf(0.975)
_BLOCK = 2_000_000


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share of n trials; (0, 1) for n = 0.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22:209-212.
    """
    if n == 0:
        return 0.0, 1.0
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * (share * (1 - share) / n + _Z**2 / (4 * n**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_interval(values: Sequence[float], *, resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """BCa bootstrap interval of the mean; the seed makes it repeatable. Equal values give an interval of width 0.

    Source: Efron 1987, "Better bootstrap confidence intervals", JASA 82:171-185; the acceleration is the jackknife
    estimate, which for a mean is a sixth of the standardised third moment over the square root of n.
    Raises ValueError for an empty sequence.
    """
    sample = np.asarray(values, dtype=float)
    if sample.size == 0:
        raise ValueError("an interval of a mean needs at least one value")
    if sample.min() == sample.max():
        return float(sample[0]), float(sample[0])
    means = _resampled_means(sample, resamples, np.random.default_rng(seed))
    deviations = sample - sample.mean()
    normal = NormalDist()
    below = float(np.mean(means < sample.mean()) + np.mean(means == sample.mean()) / 2)
    bias = normal.inv_cdf(min(max(below, 1 / resamples), 1 - 1 / resamples))
    acceleration = float(np.sum(deviations**3)) / (6 * float(np.sum(deviations**2)) ** 1.5)

    def adjusted(z: float) -> float:
        return 100 * normal.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))

    low, high = np.percentile(means, [adjusted(-_Z), adjusted(_Z)])
    return float(low), float(high)


def _resampled_means(sample: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Means of samples with replacement, drawn in blocks so that memory stays bounded for many rows."""
    block = max(1, _BLOCK // sample.size)
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    draws = (sample[rng.integers(sample.size, size=(size, sample.size))].mean(axis=1) for size in sizes)
    return np.concatenate(list(draws))
