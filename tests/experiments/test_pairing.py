import random

import pytest
from comparison_helpers import rows_of, scores_of_run

from bakeoff.errors import InputError
from bakeoff.experiments.pairing import pair, read_scores
from bakeoff.metrics.rows import skipped


def test_rows_are_joined_by_id_in_any_order():
    a, b = rows_of([0.1, 0.2, 0.3]), rows_of([0.4, 0.5, 0.6])
    random.Random(0).shuffle(b)
    pairs = pair(read_scores(a, "f1", "a"), read_scores(b, "f1", "b"))
    assert pairs.ids == ("r000", "r001", "r002")
    assert list(zip(pairs.scores_a, pairs.scores_b, strict=True)) == [(0.1, 0.4), (0.2, 0.5), (0.3, 0.6)]
    assert (pairs.counts.coverage_a, pairs.counts.coverage_b) == (1.0, 1.0)


def test_every_row_is_counted_once_for_each_contender():
    a, b = rows_of([1.0, None, 0.5, 0.0, 1.0]), rows_of([0.0, 1.0, None, 0.5])
    a[3] |= skipped("nothing to compare with").fields("f1")
    pairs = pair(read_scores(a, "f1", "a"), read_scores(b, "f1", "b"), rows_expected=7)
    counts = pairs.counts
    assert pairs.ids == ("r000",)
    assert (counts.expected, counts.paired, counts.skipped) == (6, 1, 1)
    assert (counts.failed_a, counts.missing_a) == (1, 2)
    assert (counts.failed_b, counts.missing_b) == (1, 3)
    assert counts.coverage_a == pytest.approx(3 / 6)
    assert counts.coverage_b == pytest.approx(2 / 6)
    assert pairs.worst_case_difference == pytest.approx((1.0 + 0.5 + 1.0 - 1.0) / 6)


@pytest.mark.parametrize("broken", [{"f1_score": float("nan")}, {"f1_score": None}, {"f1_status": "failed"}])
def test_a_row_without_a_usable_score_counts_as_failed(broken):
    rows = rows_of([0.5, 0.5])
    rows[0] |= broken
    assert read_scores(rows, "f1", "a").by_id == {"r000": None, "r001": 0.5}


def test_no_rows_at_all():
    pairs = pair(read_scores([], "f1", "a"), read_scores([], "f1", "b"))
    assert (pairs.ids, pairs.counts.coverage_a, pairs.worst_case_difference) == ((), 0.0, 0.0)


def test_ids_must_exist_and_be_unique():
    with pytest.raises(InputError, match="phi3: row 2 repeats the id 'r000'"):
        read_scores(rows_of([1.0]) * 2, "f1", "phi3")
    with pytest.raises(InputError, match="phi3: row 1 has no id"):
        read_scores([row | {"id": ""} for row in rows_of([1.0])], "f1", "phi3")
    with pytest.raises(InputError, match="none of its 1 rows has the column bleu_status"):
        read_scores(rows_of([1.0]), "bleu", "phi3")


def test_what_cannot_be_paired():
    with pytest.raises(InputError, match="compared with itself"):
        pair(scores_of_run([1.0], "a"), scores_of_run([1.0], "a"))
    with pytest.raises(InputError, match="compare one metric"):
        pair(scores_of_run([1.0], "a"), scores_of_run([1.0], "b", "bleu"))
