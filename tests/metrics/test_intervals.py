import numpy as np
import pytest

from bakeoff.metrics.intervals import bootstrap_interval, wilson_interval


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (1, 29, 0.0061, 0.1718)]
)
def test_wilson_of_published_examples(passed, n, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3."""
    assert wilson_interval(passed / n, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_edges():
    """Newcombe 1998 again: 0 of 20 gives 0 to 0.1611."""
    assert wilson_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1.0, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert wilson_interval(0.0, 0) == (0.0, 1.0)


def test_bootstrap_agrees_with_the_t_interval_where_that_is_right():
    """Normal values, n = 100: mean plus or minus t(0.975, 99) = 1.984 standard errors."""
    values = np.random.default_rng(3).normal(10, 2, size=100)
    half = 1.984 * values.std(ddof=1) / 10
    low, high = bootstrap_interval(values)
    assert low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_bootstrap_covers_the_mean_about_95_times_in_100():
    """Scores as F1 gives them: two fifths zeros, a fifth ones, the rest in between; their mean is 0.4."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        scores = rng.choice([0.0, 1.0, 0.5], size=60, p=[0.4, 0.2, 0.4])
        low, high = bootstrap_interval(scores, resamples=1000)
        hits += low <= 0.4 <= high
    assert 0.92 <= hits / 400 <= 0.98


def test_bootstrap_is_repeatable_and_moves_with_the_values():
    values = [0.0, 0.2, 0.9, 1.0, 0.4]
    low, high = bootstrap_interval(values)
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval([10 * v for v in values]) == pytest.approx((10 * low, 10 * high))
    assert bootstrap_interval([0.7] * 9) == (0.7, 0.7)


def test_bootstrap_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_interval([])


def test_bootstrap_stays_finite_for_one_outlier():
    low, high = bootstrap_interval([0.0] * 50 + [1e9])
    assert 0.0 <= low < high <= 1e9
