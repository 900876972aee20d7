"""Figures against values from the documentation of scikit-learn, and against scipy and a plain bootstrap."""

import numpy as np
import pytest
from scipy import stats

from bakeoff.benchmarks.figures import (
    Figure,
    bootstrap,
    cluster_sums,
    confusion,
    correlation,
    correlation_terms,
    f1_of,
    macro_f1,
    matthews,
    share,
    summarise_figures,
)
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.labels import chosen


def asked(right: list[int], picked: list[int], clusters: list[str] | None = None) -> list[tuple[Item, Answer]]:
    names = clusters or [""] * len(right)
    return [
        (Item(f"{i}", "", "", ("a", "b", "c"), label, cluster=name), Answer(picked=choice))
        for i, (label, choice, name) in enumerate(zip(right, picked, names, strict=True))
    ]


def value(figure: Figure, of: list[tuple[Item, Answer]]) -> float:
    return float(figure.value(figure.terms(of).sum(axis=0)))


def test_matthews_is_scikit_learn_s_example() -> None:
    """`matthews_corrcoef([+1, +1, +1, -1], [+1, -1, +1, +1])` is -0.33."""
    figure = Figure("mcc", confusion(2, chosen), matthews)
    assert value(figure, asked([1, 1, 1, 0], [1, 0, 1, 1])) == pytest.approx(-1 / 3)
    assert value(figure, asked([1, 1, 0], [1, 1, 1])) == 0


def test_f1_is_scikit_learn_s_example() -> None:
    """`f1_score([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1])`: macro 0.26..., by class 0.8, 0, 0."""
    of = asked([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1])
    assert value(Figure("f1", confusion(3, chosen), macro_f1(3)), of) == pytest.approx(0.26666666)
    assert value(Figure("f1", confusion(3, chosen), f1_of(0, 3)), of) == pytest.approx(0.8)


@pytest.mark.parametrize(("ranks", "expected"), [(False, stats.pearsonr), (True, stats.spearmanr)])
def test_correlations_are_scipy_s(ranks: bool, expected: object) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 6, 40).astype(float), rng.normal(size=40)
    y += x
    of = [(Item(f"{i}", "", "", (), b), Answer(text=str(a))) for i, (a, b) in enumerate(zip(x, y, strict=True))]
    terms = correlation_terms(lambda item, answer: (float(answer.text), item.reference), ranks)
    assert value(Figure("r", terms, correlation), of) == pytest.approx(expected(x, y).statistic)  # type: ignore[operator]


def test_a_constant_side_has_no_correlation() -> None:
    terms = correlation_terms(lambda item, answer: (2.0, float(item.reference)), ranks=False)
    assert value(Figure("r", terms, correlation), asked([0, 1, 2], [0, 0, 0])) == 0


def test_clusters_are_drawn_whole() -> None:
    """Ten passages of 20 questions that are all right or all wrong hold ten answers, not 200: the error is that of
    ten, 0.5 / sqrt(10), and the plain bootstrap of clusters agrees."""
    right = np.repeat([1, 0], 100).astype(float)
    clusters = np.repeat(np.arange(10), 20).astype(str)
    terms = np.stack([right, np.ones(200)], axis=1)
    mean = Figure("acc", lambda _: terms, share)
    clustered = bootstrap("acc", cluster_sums(terms, list(clusters)), mean)
    alone = bootstrap("acc", terms, mean)
    assert clustered["acc_stderr"] == pytest.approx(0.5 / 10**0.5, rel=0.05)
    assert alone["acc_stderr"] == pytest.approx(0.5 / 200**0.5, rel=0.05)
    assert clustered["acc_ci_low"] < 0.3 < 0.7 < clustered["acc_ci_high"]


def test_the_interval_covers_the_truth_95_times_in_100() -> None:
    """F1 of a model that is right 7 times in 10 on balanced labels is 0.7."""
    rng = np.random.default_rng(0)
    figure = Figure("f1", confusion(2, chosen), f1_of(1, 2))
    hits = 0
    for _ in range(100):
        right = rng.integers(0, 2, 60)
        picked = np.where(rng.random(60) < 0.7, right, 1 - right)
        summary = summarise_figures([figure], asked(right.tolist(), picked.tolist()), 60)
        hits += summary["f1_ci_low"] <= 0.7 <= summary["f1_ci_high"]
    assert 88 <= hits <= 99


def test_counts_and_nothing_to_count() -> None:
    figure = Figure("mcc", confusion(2, chosen), matthews)
    summary = summarise_figures([figure], asked([1, 0, 1], [1, 0, 0]), 4)
    assert (summary["mcc_rows_expected"], summary["mcc_rows_failed"], summary["mcc_coverage"]) == (4, 1, 0.75)
    assert summarise_figures([figure], [], 4) == {}
    assert "mcc_ci_low" not in summarise_figures([figure], asked([1, 0], [1, 0], ["p", "p"]), 2)
