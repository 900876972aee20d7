import math
import random

import pytest

from bakeoff.errors import InputError
from bakeoff.metrics.retrieval import (
    complete_at_k,
    ndcg_at_k,
    precision_at_k,
    r_precision,
    recall_at_k,
    reciprocal_rank,
    unique,
)

AT_K = [recall_at_k, precision_at_k, complete_at_k, ndcg_at_k]
WHOLE = [reciprocal_rank, r_precision]


def judged(pattern, *, relevant):
    """A ranking and its gold from "RNR...": R is a gold id, N is not; `relevant` counts those not retrieved too."""
    ranking = [f"d{position}" for position in range(len(pattern))]
    gold = {item for item, letter in zip(ranking, pattern, strict=True) if letter == "R"}
    return ranking, gold | {f"missed{number}" for number in range(relevant - len(gold))}


@pytest.mark.parametrize(("pattern", "r_prec"), [("RNRNNNNNRR", 0.5), ("NRNNRRRNNN", 0.25)])
def test_the_two_systems_of_the_information_retrieval_book(pattern, r_prec):
    """Manning, Raghavan and Schütze 2008, exercise 8.8: four relevant documents, two rankings of ten."""
    ranking, gold = judged(pattern, relevant=4)
    assert r_precision(ranking, gold) == r_prec


def test_precision_and_recall_of_the_information_retrieval_book():
    """Manning, Raghavan and Schütze 2008, exercise 8.9: eight relevant documents, six of them among the first 20."""
    ranking, gold = judged("RRNNNNNNRNRNNNRNNNNR", relevant=8)
    assert precision_at_k(ranking, gold, 20) == 0.3
    assert recall_at_k(ranking, gold, 20) == 0.75


def test_mean_reciprocal_rank_of_the_usual_example():
    """Wikipedia, "Mean reciprocal rank": the right plural at rank 3, 2 and 1 gives 11/18."""
    proposals = {
        "cats": ["catten", "cati", "cats"],
        "tori": ["torii", "tori", "toruses"],
        "viruses": ["viruses", "virii", "viri"],
    }
    ranks = [reciprocal_rank(ranking, {right}) for right, ranking in proposals.items()]
    assert sum(ranks) / 3 == pytest.approx(11 / 18)


def test_ndcg_of_the_usual_example():
    """Wikipedia, "Discounted cumulative gain": gains 3 2 3 0 1 2 (DCG 6.861), with a 3 and a 2 that were not retrieved
    (ideal 8.740) 0.785; its older version takes the six documents only (ideal 7.141), 0.961."""
    ranking = ["d1", "d2", "d3", "d4", "d5", "d6"]
    gains = dict(zip(ranking, [3, 2, 3, 0, 1, 2], strict=True))
    assert ndcg_at_k(ranking, gains, 6) == pytest.approx(0.961, abs=5e-4)
    assert ndcg_at_k(ranking, gains | {"d7": 3, "d8": 2}, 6) == pytest.approx(0.785, abs=5e-4)


def test_binary_ndcg_by_hand():
    """Gold at ranks 3 and 5 of three: (1/2 + 1/log2 6) / (1 + 1/log2 3 + 1/2)."""
    expected = (1 / 2 + 1 / math.log2(6)) / (1 + 1 / math.log2(3) + 1 / 2)
    assert ndcg_at_k(["d1", "d4", "d2", "d9", "d8"], {"d2", "d8", "d10"}, 5) == pytest.approx(expected)
    assert ndcg_at_k(["d2"], {"d2", "d8", "d10"}, 1) == 1


def test_graded_gain_is_linear():
    assert ndcg_at_k(["low", "high"], {"low": 1, "high": 3}, 1) == pytest.approx(1 / 3)


def test_cut_offs():
    ranking, gold = ["a", "b", "c", "d"], {"b", "d"}
    assert [recall_at_k(ranking, gold, k) for k in (1, 2, 4, 9)] == [0, 0.5, 1, 1]
    assert [precision_at_k(ranking, gold, k) for k in (1, 2, 4, 8)] == [0, 0.5, 0.5, 0.25]
    assert [complete_at_k(ranking, gold, k) for k in (3, 4)] == [False, True]
    assert reciprocal_rank(ranking, gold) == 0.5


@pytest.mark.parametrize("metric", AT_K)
def test_a_repeated_id_counts_once_and_the_rest_moves_up(metric):
    repeated, gold = ["x", "x", "a", "x", "a", "b"], ["a", "b", "b"]
    for k in range(1, 7):
        assert metric(repeated, gold, k) == metric(["x", "a", "b"], {"a", "b"}, k)


@pytest.mark.parametrize("metric", WHOLE)
def test_a_repeated_id_counts_once_in_whole_rankings(metric):
    assert metric(["x", "x", "a", "x", "a", "b"], {"a", "b"}) == metric(["x", "a", "b"], {"a", "b"})


def test_unique_keeps_first_ranks():
    assert unique(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]


def test_an_empty_ranking_scores_zero():
    assert [metric([], {"a"}, 3) for metric in AT_K] == [0] * len(AT_K)
    assert [metric([], {"a"}) for metric in WHOLE] == [0] * len(WHOLE)


@pytest.mark.parametrize("gold", [set(), [], {}, {"a": 0.0}])
def test_empty_gold_is_an_error(gold):
    for metric in AT_K if not gold else [ndcg_at_k]:
        with pytest.raises(InputError, match="skip the row"):
            metric(["a"], gold, 1)
    for metric in WHOLE if not gold else []:
        with pytest.raises(InputError, match="skip the row"):
            metric(["a"], gold)


def test_bad_parameters():
    for metric in AT_K:
        with pytest.raises(InputError, match="k is 0"):
            metric(["a"], {"a"}, 0)
    for metric in AT_K:
        with pytest.raises(InputError, match="one string"):
            metric(["a"], "a", 1)
    for gain in (-1, math.nan, math.inf):
        with pytest.raises(InputError, match="gain of 'a'"):
            ndcg_at_k(["a"], {"a": gain, "b": 1}, 1)


def test_bounds_and_the_perfect_ranking():
    rng = random.Random(0)
    items = [f"d{number}" for number in range(12)]
    for _ in range(200):
        gold = rng.sample(items, rng.randint(1, 6))
        ranking = rng.sample(items, rng.randint(0, 12))
        k = rng.randint(1, 14)
        values = [metric(ranking, gold, k) for metric in AT_K] + [metric(ranking, gold) for metric in WHOLE]
        assert all(0 <= value <= 1 for value in values)
        perfect = gold + [item for item in items if item not in gold]
        assert all(metric(perfect, gold) == 1 for metric in WHOLE)
        assert ndcg_at_k(perfect, gold, k) == 1
