import numpy as np
import pytest
from comparison_helpers import scores_of_run

from bakeoff.errors import InputError
from bakeoff.experiments.pairing import Scores
from bakeoff.experiments.repeats import mean_over_runs, variance_components


def runs_of(items):
    """One Scores a run from one list of scores an item."""
    return [scores_of_run(run, "a") for run in zip(*items, strict=True)]


def test_components_of_the_loom_experiment():
    """Montgomery, Design and Analysis of Experiments, example of the random-effects model: four looms, four pieces of
    cloth each; error 1.90, looms 6.96."""
    looms = [[98, 97, 99, 96], [91, 90, 93, 92], [96, 95, 97, 95], [95, 96, 99, 98]]
    parts = variance_components(runs_of(looms))
    assert (parts.run_variance, parts.item_variance) == pytest.approx((1.90, 6.96), abs=0.005)
    assert (parts.items, parts.runs, parts.mean) == (4, 4, pytest.approx(95.44, abs=0.005))


def test_components_of_shrout_and_fleiss():
    """Shrout and Fleiss 1979, Psychological Bulletin 86:420-428, tables 2 to 4: six targets, four judges; within mean
    square 6.26, ICC(1,1) = 0.17."""
    targets = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    parts = variance_components(runs_of(targets))
    assert parts.run_variance == pytest.approx(6.26, abs=0.005)
    assert 1 - parts.run_share == pytest.approx(0.17, abs=0.005)


def test_standard_error_is_that_of_the_item_means():
    looms = [[98, 97, 99, 96], [91, 90, 93, 92], [96, 95, 97, 95], [95, 96, 99, 98]]
    parts = variance_components(runs_of(looms))
    assert parts.standard_error() == pytest.approx(np.std(np.mean(looms, axis=1), ddof=1) / 2)
    assert parts.standard_error(1) > parts.standard_error() > parts.standard_error(1000)
    assert parts.standard_error(1e9) == pytest.approx((parts.item_variance / 4) ** 0.5)


def test_components_are_recovered_with_holes():
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 2.0, size=(3000, 1)) + rng.normal(0, 1.0, size=(3000, 4))
    scores = np.where(rng.random(scores.shape) < 0.2, np.nan, scores).tolist()
    holed = [[None if s != s else s for s in item] for item in scores]
    parts = variance_components(runs_of(holed))
    assert (parts.item_variance, parts.run_variance) == (pytest.approx(4.0, rel=0.08), pytest.approx(1.0, rel=0.08))
    assert 3 < parts.runs < 3.5


def test_a_deterministic_model_has_no_run_variance():
    parts = variance_components(runs_of([[0.0, 0.0], [1.0, 1.0]]))
    assert (parts.run_variance, parts.run_share) == (0.0, 0.0)
    assert variance_components(runs_of([[1.0, 1.0], [1.0, 1.0]])).run_share == 0.0


def test_noise_alone_has_no_item_variance():
    parts = variance_components(runs_of([[0.0, 1.0], [1.0, 0.0]]))
    assert (parts.item_variance, parts.run_share) == (0.0, 1.0)


@pytest.mark.parametrize("items", [[[1.0], [0.0]], [[1.0, 0.0]], [[1.0, None], [None, 0.0]]])
def test_too_little_to_split(items):
    with pytest.raises(InputError, match="needs two items and an item with two scores"):
        variance_components(runs_of(items))


def test_means_over_runs_keep_what_failed_and_what_is_skipped():
    first = Scores("a", "f1", {"x": 1.0, "y": None, "z": 0.0}, frozenset({"s", "t"}))
    second = Scores("a", "f1", {"x": 0.0, "y": None, "t": 1.0}, frozenset({"s"}))
    together = mean_over_runs([first, second])
    assert together.by_id == {"x": 0.5, "y": None, "z": 0.0, "t": 1.0}
    assert together.skipped == {"s"}


def test_runs_must_belong_together():
    with pytest.raises(InputError, match="one contender and one metric"):
        mean_over_runs([scores_of_run([1.0], "a"), scores_of_run([1.0], "b")])
    with pytest.raises(InputError, match="no run"):
        variance_components([])
