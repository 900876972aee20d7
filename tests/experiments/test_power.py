import numpy as np
import pytest
from comparison_helpers import scores_of_run
from statsmodels.stats.power import TTestPower

from bakeoff.experiments.paired import compare
from bakeoff.experiments.pairing import pair
from bakeoff.experiments.power import (
    mcnemar_detectable,
    mcnemar_rows_needed,
    mean_detectable,
    mean_rows_needed,
    power_of,
)
from bakeoff.experiments.significance import mcnemar_midp, sign_flip


@pytest.mark.parametrize("effect", [0.1, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_rows_for_a_mean_agree_with_the_exact_t_test(effect, alpha):
    exact = TTestPower().solve_power(effect_size=effect, alpha=alpha, power=0.8)
    assert abs(mean_rows_needed(effect * 7, 7.0, alpha) - exact) <= 1.5


def test_rows_for_mcnemar_agree_with_a_published_example():
    """R package MESS, validated results of power_mcnemar_test: discordant shares of 0.45 and 0.05 need 22.0 pairs
    (22.01, so 23 whole ones) for 80 % power, two-sided, by the formula of Connor 1987, Biometrics 43:207-211."""
    assert mcnemar_rows_needed(0.40, 0.50) == 23


def test_detectable_difference_is_the_inverse_of_rows_needed():
    assert mean_rows_needed(mean_detectable(150, 0.4), 0.4) == pytest.approx(150, abs=1)
    assert mcnemar_rows_needed(mcnemar_detectable(150, 0.3), 0.3) == pytest.approx(150, abs=1)


def test_more_rows_show_smaller_differences():
    for detectable in (mean_detectable, mcnemar_detectable):
        found = [detectable(rows, 0.3) for rows in (20, 50, 200, 1000)]
        assert found == sorted(found, reverse=True)


def test_too_few_rows_show_nothing():
    """Five differences of one sign give p = 2 / 32 at best, three discordant rows p = 1 / 8."""
    assert mean_detectable(5, 0.1) is None
    assert mean_rows_needed(1.0, 0.001) == 6
    assert mcnemar_detectable(3, 0.5) is None


def test_no_discordant_row_still_leaves_a_detectable_difference():
    assert 0.03 < mcnemar_detectable(200, 0.0) < 0.05


def test_clusters_need_more_rows():
    rng = np.random.default_rng(1)
    a = np.repeat(rng.random(30), 5)
    b = np.repeat(rng.random(30), 5) - 0.05
    pairs = pair(scores_of_run(a, "a"), scores_of_run(b, "b"))
    alone = power_of(compare(pairs, "continuous"))
    together = power_of(compare(pairs, "continuous", clusters={f"r{i:03}": str(i // 5) for i in range(150)}))
    assert together[0] / alone[0] == pytest.approx(5**0.5, rel=0.1)
    assert together[1] / alone[1] == pytest.approx(5, rel=0.1)


def test_rows_needed_is_above_the_rows_at_hand_unless_significant():
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.02, 0.1, 0.4):
        a, b = rng.random(60) + shift, rng.random(60)
        comparison = compare(pair(scores_of_run(a, "a"), scores_of_run(b, "b")), "continuous")
        assert comparison.p_value <= 0.05 or power_of(comparison)[1] > 60


@pytest.mark.parametrize(("rows", "sd"), [(60, 0.4)])
def test_a_detectable_mean_is_detected_in_four_of_five_tries(rows, sd):
    rng = np.random.default_rng(4)
    mean = mean_detectable(rows, sd)
    hits = [sign_flip(rng.normal(mean, sd, rows), resamples=199, seed=i) <= 0.05 for i in range(600)]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(("rows", "discordant"), [(200, 0.2), (100, 0.4), (300, 0.1)])
def test_a_detectable_pass_rate_is_detected_in_four_of_five_tries(rows, discordant):
    rng = np.random.default_rng(5)
    difference = mcnemar_detectable(rows, discordant)
    discordant = max(discordant, difference)
    only_a, only_b = (discordant + difference) / 2, (discordant - difference) / 2
    draws = rng.multinomial(rows, [only_a, only_b, 1 - discordant], size=2000)
    hits = [mcnemar_midp(int(b), int(c)) <= 0.05 for b, c, _ in draws]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.06)
