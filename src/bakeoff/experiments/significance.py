"""Two-sided p-values of paired differences under the hypothesis that neither contender is better."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
RESAMPLES = 9999
BLOCK = 2_000_000


def mcnemar_midp(only_a: int, only_b: int) -> float:
    """McNemar's mid-p from the rows that only a passes and those that only b passes; 1 where there are none.

    Its false-positive rate stays below the nominal one, and within a point of it from about ten discordant rows on.
    Source: Fagerland, Lydersen and Laake 2013, "The McNemar test for binary matched-pairs data: mid-p and asymptotic
    are better than exact conditional", BMC Medical Research Methodology 13:91.
    """
    discordant = only_a + only_b
    if discordant == 0:
        return 1.0
    observed = float(stats.binom.pmf(only_a, discordant, 0.5))
    if only_a == only_b:
        return 1 - observed / 2
    return float(stats.binomtest(only_a, discordant).pvalue) - observed


def wilcoxon_signed_rank(differences: Floats) -> float:
    """Wilcoxon's signed-rank test; zeros are dropped first, as Wilcoxon 1945 does; 1 where nothing is left.

    Exact where scipy can be (up to 13 differences with ties, 50 without), else the normal approximation with ties.
    """
    moved = differences[differences != 0]
    return float(stats.wilcoxon(moved).pvalue) if moved.size else 1.0


def sign_flip(differences: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Paired permutation test of the mean: were the contenders alike, each difference could as well have the other
    sign. All sign patterns where there are at most `resamples`, else that many at random; the seed repeats them.

    A difference may be one row's or the sum over a cluster of rows. The hypothesis is symmetry about zero: for fewer
    than about 100 lopsided differences with mean zero p is too small, so read it together with the interval.
    Source: Fisher 1935, The Design of Experiments, section 21; random patterns count the observed one, as Phipson and
    Smyth 2010 (SAGMB 9:39) ask.
    """
    moved = differences[differences != 0]
    if moved.size < 2:
        return 1.0
    test = stats.permutation_test(
        (moved,),
        _mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, BLOCK // moved.size),
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)


def _mean(values: Floats, axis: int = -1) -> Any:
    return np.mean(values, axis=axis)
