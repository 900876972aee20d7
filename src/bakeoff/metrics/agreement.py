"""How far a judge agrees with people and with itself, and whether that is enough to use its scores."""

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np

Weights = Literal["quadratic"] | None
Pair = tuple[Hashable, Hashable]

MIN_AGREEMENT = 0.4
"""Least lower end of kappa's 95 % interval: at least moderate agreement (Landis and Koch 1977, Biometrics 33:159)."""
MIN_COVERAGE = 0.9
"""Least share of the labelled rows that the judge scored: one that fails at the hard rows would look better."""


def kappa(pairs: Sequence[Pair], categories: Sequence[Hashable], weights: Weights = None) -> float | None:
    """Cohen's kappa of two raters: 1 is full agreement, 0 what chance gives; None where it is not defined.

    pairs: what each rater said of an item. categories: all possible values, in their order. weights `quadratic`: a
    disagreement counts by the square of its distance. It is not defined for no pairs, and where both raters gave one
    and the same value to everything.
    Sources: Cohen 1960, Educ. Psychol. Meas. 20:37; Cohen 1968, Psychol. Bull. 70:213 (weighted).
    """
    value = float(_kappa(_table(pairs, categories), weights))
    return value if math.isfinite(value) else None


def kappa_interval(
    pairs: Sequence[Pair],
    categories: Sequence[Hashable],
    weights: Weights = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of `kappa` over items; (-1, 1), which says nothing, where it has none.

    Resamples in which kappa is not defined are left out. Source: Efron and Tibshirani 1993, chapter 13.
    """
    table = _table(pairs, categories)
    if not math.isfinite(_kappa(table, weights)):
        return -1.0, 1.0
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(pairs), table.ravel() / table.sum(), size=resamples)
    low, high = np.nanpercentile(_kappa(draws.reshape(-1, *table.shape), weights), [2.5, 97.5])
    return float(low), float(high)


def agreement(
    name: str,
    pairs: Sequence[Pair],
    labelled: int,
    categories: Sequence[Hashable],
    weights: Weights = None,
    min_agreement: float = MIN_AGREEMENT,
) -> dict[str, float]:
    """Agreement with people on one criterion: `<name>_kappa` (where defined) with `_ci_low` and `_ci_high`,
    `<name>_labels`, `_labels_coverage`, and `<name>_judge_fit`.

    pairs: the judge's and the human value of the rows that have both. labelled: rows with a human value. The judge is
    fit (1) where kappa's lower end is at least min_agreement and at least MIN_COVERAGE of the labelled rows count.
    """
    value = kappa(pairs, categories, weights)
    low, high = kappa_interval(pairs, categories, weights)
    coverage = len(pairs) / labelled if labelled else 0.0
    return {
        **({} if value is None else {f"{name}_kappa": value}),
        f"{name}_kappa_ci_low": low,
        f"{name}_kappa_ci_high": high,
        f"{name}_labels": labelled,
        f"{name}_labels_coverage": coverage,
        f"{name}_judge_fit": int(low >= min_agreement and coverage >= MIN_COVERAGE),
    }


def _table(pairs: Sequence[Pair], categories: Sequence[Hashable]) -> np.ndarray:
    places = {category: place for place, category in enumerate(categories)}
    table = np.zeros((len(categories), len(categories)))
    for first, second in pairs:
        table[places[first], places[second]] += 1
    return table


def _kappa(tables: np.ndarray, weights: Weights) -> np.ndarray:
    """Kappa of each table in the last two axes; NaN where it is not defined."""
    places = np.arange(tables.shape[-1])
    distance = np.abs(places[:, None] - places[None, :])
    cost = distance**2 if weights == "quadratic" else (distance > 0).astype(int)
    chance = tables.sum(-1)[..., :, None] * tables.sum(-2)[..., None, :]
    observed = (cost * tables).sum((-2, -1)) * tables.sum((-2, -1))
    expected = (cost * chance).sum((-2, -1))
    share: np.ndarray = np.divide(observed, expected, out=np.full(observed.shape, np.nan), where=expected > 0)
    return 1 - share
