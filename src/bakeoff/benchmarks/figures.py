"""Official figures that are no mean over items (correlations, F1 of a class, exactness of a whole question), and means
over items that share a passage: both are functions of sums, so whole clusters of items can be drawn again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bakeoff.benchmarks.items import Answer, Item
from bakeoff.metrics.rows import Row

Floats = NDArray[np.float64]
Asked = Sequence[tuple[Item, Answer]]
RESAMPLES = 2000
BLOCK = 2_000_000


@dataclass(frozen=True)
class Figure:
    """A figure of all answered items.

    terms(asked): what each item adds to the sums, [n, k]. value(sums): the figure, [..., k] to [...].
    """

    name: str
    terms: Callable[[Asked], Floats]
    value: Callable[[Floats], Floats]


def summarise_figures(figures: Sequence[Figure], asked: Asked, expected: int) -> dict[str, float]:
    """Each figure under its name, `_rows_expected`, `_rows_scored`, `_rows_failed`, `_coverage`, `_stderr`, and
    `_ci_low` and `_ci_high` (95 %). No items give no figure.

    Standard error and interval (percentiles) are those of a bootstrap over clusters, seeded.
    """
    summary: dict[str, float] = {}
    for figure in figures:
        if not asked:
            continue
        terms = figure.terms(asked)
        summary[figure.name] = float(figure.value(terms.sum(axis=0)))
        summary |= counts(figure.name, len(asked), expected)
        summary |= bootstrap(figure.name, cluster_sums(terms, [item.cluster or item.id for item, _ in asked]), figure)
    return summary


def counts(name: str, scored: int, expected: int) -> dict[str, float]:
    """The four counts that stand beside every figure."""
    return {
        f"{name}_rows_expected": expected,
        f"{name}_rows_scored": scored,
        f"{name}_rows_failed": expected - scored,
        f"{name}_coverage": scored / expected,
    }


def clustered_mean(name: str, rows: Sequence[Row], clusters: Mapping[str, str]) -> dict[str, float]:
    """`_stderr`, `_ci_low` and `_ci_high` of the mean of the rows scored on a metric, whole clusters drawn again."""
    scored = [row for row in rows if row[f"{name}_status"] == "scored"]
    if not scored:
        return {}
    terms = np.array([[row[f"{name}_score"], 1.0] for row in scored])
    mean = Figure(name, lambda asked: terms, share)
    return bootstrap(name, cluster_sums(terms, [clusters[row["id"]] for row in scored]), mean)


def cluster_sums(terms: Floats, clusters: Sequence[str]) -> Floats:
    """Sums of the terms over each cluster, [clusters, k]."""
    names, index = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(names), terms.shape[1]))
    np.add.at(sums, index, terms)
    return sums


def bootstrap(name: str, sums: Floats, figure: Figure, seed: int = 0) -> dict[str, float]:
    """Of the figure from the sums of clusters drawn with replacement. One cluster says nothing: no interval."""
    if len(sums) < 2:
        return {}
    rng = np.random.default_rng(seed)
    size = max(1, BLOCK // len(sums))
    values = np.concatenate(
        [
            figure.value(rng.multinomial(len(sums), [1 / len(sums)] * len(sums), min(size, RESAMPLES - start)) @ sums)
            for start in range(0, RESAMPLES, size)
        ]
    )
    low, high = np.percentile(values, [2.5, 97.5])
    return {f"{name}_stderr": float(values.std(ddof=1)), f"{name}_ci_low": float(low), f"{name}_ci_high": float(high)}


def confusion(classes: int, chosen: Callable[[Item, Answer], int]) -> Callable[[Asked], Floats]:
    """Terms whose sums are the confusion matrix, right class by chosen class, [classes * classes]."""

    def terms(asked: Asked) -> Floats:
        cells = [int(item.reference) * classes + chosen(item, answer) for item, answer in asked]
        return np.asarray(np.eye(classes * classes)[cells])

    return terms


def matthews(sums: Floats) -> Floats:
    """Matthews' correlation of a 2 x 2 confusion matrix; 0 where a margin is empty, as scikit-learn has it."""
    tn, fp, fn, tp = (sums[..., i] for i in range(4))
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def f1_of(cls: int, classes: int) -> Callable[[Floats], Floats]:
    """F1 of one class from a confusion matrix; 0 where the class is neither right nor chosen."""

    def value(sums: Floats) -> Floats:
        matrix = sums.reshape(*sums.shape[:-1], classes, classes)
        hits = matrix[..., cls, cls]
        return ratio(2 * hits, matrix[..., cls, :].sum(axis=-1) + matrix[..., :, cls].sum(axis=-1))

    return value


def macro_f1(classes: int) -> Callable[[Floats], Floats]:
    """The mean of the classes' F1."""
    return lambda sums: np.mean([f1_of(cls, classes)(sums) for cls in range(classes)], axis=0)


def correlation_terms(values: Callable[[Item, Answer], tuple[float, float]], ranks: bool) -> Callable[[Asked], Floats]:
    """Terms of `correlation` for pairs of values, or for their ranks among all items (ties share a rank)."""

    def terms(asked: Asked) -> Floats:
        pairs = np.array([values(item, answer) for item, answer in asked])
        x, y = ((rankdata(column) if ranks else column) for column in pairs.T)
        x, y = x - x.mean(), y - y.mean()
        return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)

    return terms


def correlation(sums: Floats) -> Floats:
    """Pearson's correlation, of ranks Spearman's; 0 where one side is constant."""
    n, x, y, xx, yy, xy = (sums[..., i] for i in range(6))
    spread = np.clip(xx - x * x / n, 0, None) * np.clip(yy - y * y / n, 0, None)
    return ratio(xy - x * y / n, np.sqrt(spread))


def share(sums: Floats) -> Floats:
    """The first sum of the second."""
    return ratio(sums[..., 0], sums[..., 1])


def ratio(a: Any, b: Any) -> Floats:
    """a / b; 0 where b is (next to) nothing."""
    return np.asarray(np.where(np.abs(b) > 1e-12, a / np.where(np.abs(b) > 1e-12, b, 1.0), 0.0))
