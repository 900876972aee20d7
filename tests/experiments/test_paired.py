from dataclasses import replace

import numpy as np
import pytest
from comparison_helpers import scores_of_run
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from bakeoff.errors import InputError
from bakeoff.experiments.multiplicity import adjust, holm
from bakeoff.experiments.paired import compare, difference_interval, interval_of_equal_differences
from bakeoff.experiments.pairing import pair
from bakeoff.experiments.significance import mcnemar_midp, sign_flip, wilcoxon_signed_rank


def compared(a, b, kind="continuous", **options):
    return compare(pair(scores_of_run(a, "a"), scores_of_run(b, "b")), kind, **{"maximum": 1.0} | options)


def test_mcnemar_midp_of_the_published_example():
    """Fagerland, Lydersen and Laake 2013 (BMC Med Res Methodol 13:91), the 21 children of Bentur et al. 2009: 1 and 7
    discordant pairs; exact conditional p = 0.070, mid-p = 0.039."""
    assert mcnemar_midp(1, 7) == pytest.approx(0.039, abs=5e-4)
    assert mcnemar_midp(7, 1) == mcnemar_midp(1, 7)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (3, 3), (2, 9), (40, 60)])
def test_mcnemar_midp_is_the_probability_of_a_more_extreme_split_plus_half_of_the_observed_one(b, c):
    n = b + c
    weights = [stats.binom.pmf(k, n, 0.5) for k in range(n + 1)]
    further = sum(w for k, w in enumerate(weights) if abs(2 * k - n) > abs(b - c))
    as_far = sum(w for k, w in enumerate(weights) if abs(2 * k - n) == abs(b - c))
    expected = 1.0 if n == 0 else further + as_far / 2
    assert mcnemar_midp(b, c) == pytest.approx(expected)


def test_wilcoxon_of_the_published_example():
    """Hollander and Wolfe 1973, Nonparametric Statistical Methods, section 3.1, Hamilton depression factor IV of nine
    patients before and after a tranquilliser: T+ = 40, one-sided p = 0.0195 (as in R's help page of wilcox.test)."""
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    assert wilcoxon_signed_rank(before - after) == pytest.approx(2 * 0.01953, abs=2e-5)


def test_sign_flip_of_the_published_example():
    """Fisher 1935, The Design of Experiments, section 21: Darwin's 15 pairs of maize, in eighths of an inch; 863 of
    the 32,768 sign patterns give a sum of 314 or more one way, with the ties: 1,726 both ways, p = 0.0527."""
    darwin = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)
    assert sign_flip(darwin, resamples=2**15) == pytest.approx(1726 / 32768, abs=1e-9)
    assert sign_flip(darwin) == pytest.approx(1726 / 32768, abs=0.008)


@pytest.mark.parametrize("kind", ["pass_fail", "ordinal", "continuous"])
def test_swapping_the_contenders_mirrors_the_comparison(kind):
    rng = np.random.default_rng(2)
    a, b = rng.integers(2, size=(2, 40)).astype(float)
    forward, back = compared(a, b, kind), compared(b, a, kind).reversed()
    assert back.difference == pytest.approx(forward.difference)
    assert back.p_value == pytest.approx(forward.p_value)
    assert (back.low, back.high) == pytest.approx((forward.low, forward.high), abs=0.03)
    assert (back.higher_a, back.higher_b) == (forward.higher_a, forward.higher_b)
    assert forward.reversed().reversed() == replace(forward, a="a", b="b")


def test_each_kind_has_its_test():
    a, b = [1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]
    tests = {kind: compared(a, b, kind).test for kind in ("pass_fail", "ordinal", "continuous")}
    assert tests == {
        "pass_fail": "McNemar mid-p",
        "ordinal": "Wilcoxon signed-rank",
        "continuous": "sign-flip permutation",
    }


def test_same_seed_same_figures():
    a, b = np.random.default_rng(4).random((2, 60))
    assert compared(a, b) == compared(a, b)


def test_scale_moves_the_difference_and_not_the_p_value():
    a, b = np.random.default_rng(5).random((2, 30))
    small, large = compared(a, b), compared(100 * a, 100 * b, maximum=100.0)
    assert (large.difference, large.low, large.high) == pytest.approx(
        (100 * small.difference, 100 * small.low, 100 * small.high)
    )
    assert large.p_value == small.p_value


def test_no_rows():
    nothing = compared([], [])
    assert (nothing.difference, nothing.low, nothing.high, nothing.p_value) == (None, None, None, 1.0)
    assert adjust([nothing])[0].rows_needed is None


@pytest.mark.parametrize(("kind", "p_value"), [("pass_fail", 0.5), ("ordinal", 1.0), ("continuous", 1.0)])
def test_one_row_proves_nothing(kind, p_value):
    one = compared([1.0], [0.0], kind)
    assert (one.difference, one.p_value) == (1.0, p_value)
    assert one.low < 0 < one.high
    assert adjust([one])[0].detectable is None


@pytest.mark.parametrize("kind", ["pass_fail", "ordinal", "continuous"])
def test_differences_that_are_all_zero_leave_room_for_rows_not_seen(kind):
    """Tango 1998's score interval with no discordant pair: plus or minus z^2 / (n + z^2)."""
    same = compared([1.0] * 50, [1.0] * 50, kind)
    half = 1.959964**2 / (50 + 1.959964**2)
    assert (same.difference, same.p_value) == (0.0, 1.0)
    assert (same.low, same.high) == pytest.approx((-half, half), abs=1e-5)
    assert adjust([same])[0].rows_needed is None


@pytest.mark.parametrize(("kind", "p_value"), [("pass_fail", 0.5**12), ("ordinal", 0.5**11), ("continuous", 0.5**11)])
def test_differences_that_are_all_one(kind, p_value):
    all_won = compared([1.0] * 12, [0.0] * 12, kind)
    assert all_won.p_value == pytest.approx(p_value)
    assert 0 < all_won.low < all_won.high == pytest.approx(1.0)


def test_equal_differences_of_a_figure_without_a_maximum_have_no_interval():
    figure = compared([3.0] * 5, [2.0] * 5, maximum=None)
    assert (figure.difference, figure.low, figure.high, figure.worst_case_difference) == (1.0, None, None, None)


def test_the_room_for_rows_not_seen_shrinks_with_rows():
    widths = [high - low for low, high in (interval_of_equal_differences(0.2, n, 1.0) for n in (1, 10, 100, 10_000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.001


def test_clusters_are_kept_together():
    """Twenty documents with ten like questions each are twenty observations, not two hundred."""
    rng = np.random.default_rng(6)
    a = np.repeat(rng.integers(2, size=20), 10).astype(float)
    b = np.repeat(rng.integers(2, size=20), 10).astype(float)
    clusters = {f"r{i:03}": f"document {i // 10}" for i in range(200)}
    alone, together = compared(a, b), compared(a, b, clusters=clusters)
    assert together.difference == alone.difference
    assert together.clusters == 20
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(10**0.5, rel=0.15)
    assert together.p_value > alone.p_value
    assert together.test == "cluster sign-flip permutation"


def test_clusters_of_one_row_change_nothing():
    a, b = np.random.default_rng(7).random((2, 30))
    own = compared(a, b, clusters={f"r{i:03}": str(1000 + i) for i in range(30)})
    alone = compared(a, b)
    assert (own.p_value, own.low, own.high, own.sd) == pytest.approx((alone.p_value, alone.low, alone.high, alone.sd))


def test_unusable_input_is_named():
    with pytest.raises(InputError, match="a pass/fail score is 0 or 1"):
        compared([0.5], [1.0], "pass_fail")
    with pytest.raises(InputError, match="row 'r001' has no cluster"):
        compared([0.5, 0.1], [1.0, 0.2], clusters={"r000": "x"})


def test_the_interval_is_wider_than_plain_percentiles_for_few_rows():
    """Normal differences, where Student's t is right: the plain percentiles would be 11 % narrower at 12 rows."""
    values = np.random.default_rng(8).normal(size=12)
    low, high = difference_interval(values, np.ones(12))
    half = stats.t.ppf(0.975, 11) * values.std(ddof=1) / 12**0.5
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)


def test_holm_of_published_examples():
    """The example in the documentation of pingouin's holm function; Holm 1979's rule by hand for four hypotheses."""
    assert holm([0.50, 0.003, 0.32, 0.054, 0.0003]) == pytest.approx([0.64, 0.012, 0.64, 0.162, 0.0015])
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_holm_and_mcnemar_agree_with_statsmodels():
    rng = np.random.default_rng(10)
    for count in (1, 2, 7, 30):
        p_values = list(np.round(rng.random(count) ** 3, 3))
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    for b, c in rng.integers(0, 40, size=(20, 2)):
        exact = mcnemar([[0, int(b)], [int(c), 0]], exact=True).pvalue
        observed = stats.binom.pmf(b, b + c, 0.5)
        assert mcnemar_midp(int(b), int(c)) == pytest.approx(exact - observed if b != c else 1 - observed / 2)


def test_adjusting_counts_every_comparison_of_the_family():
    rng = np.random.default_rng(9)
    a, b = rng.random(80), rng.random(80)
    one = compared(a + 0.1, a, maximum=1.1)
    other = compared(a, b)
    alone, together = adjust([other])[0], adjust([other, one, one])[0]
    assert alone.p_adjusted == other.p_value
    assert together.p_adjusted >= other.p_value
    assert together.detectable > alone.detectable
    assert together.rows_needed > alone.rows_needed > 80
    assert adjust([]) == []
