import numpy as np
import pytest

from bakeoff.metrics.speed import decode_tokens_per_second, percentile


def test_percentile_interpolates_between_order_statistics():
    """Type 7 of Hyndman and Fan: position (n - 1) * p / 100 in the sorted values."""
    assert percentile([4.0, 1.0, 2.0, 3.0], 50) == 2.5
    assert percentile(list(range(1, 21)), 95) == pytest.approx(1 + 19 * 0.95)
    assert percentile([7.0], 95) == 7.0


def test_percentile_lies_within_the_values():
    values = np.random.default_rng(1).exponential(size=31)
    assert values.min() <= percentile(values, 50) <= percentile(values, 95) <= values.max()


def test_decoding_speed_leaves_out_the_first_token():
    assert decode_tokens_per_second(11, 0.5, 2.5) == 5.0
