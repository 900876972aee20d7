import math

import pytest

from bakeoff.metrics.rows import attempt, failed, scored, scores_of, skipped
from bakeoff.metrics.summary import Metric, category_key, count_outcomes, summarise, summarise_categories


def rows_of(metric, *scores):
    return [score.fields(metric) for score in scores]


def test_a_record_has_four_columns_for_each_metric():
    fields = scored(0.5, passed=False, reason="why").fields("f1")
    assert fields == {"f1_score": 0.5, "f1_passed": False, "f1_reason": "why", "f1_status": "scored"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_a_failure(value):
    assert scored(value).status == "failed"
    assert scored(value).score is None


def test_what_a_scorer_raises_becomes_the_reason():
    score = attempt(lambda: scored(1 / 0))
    assert (score.status, score.reason) == ("failed", "ZeroDivisionError: division by zero")


def test_only_finite_numbers_of_scored_rows_count():
    rows = [{"m_status": "scored", "m_score": s} for s in (1.0, math.nan, None, "2", math.inf, 0)]
    rows += [{"m_status": "failed", "m_score": 1.0}, {}]
    assert scores_of(rows, "m") == [1.0, 0.0]


def test_summary_of_mixed_rows():
    rows = rows_of("m", scored(1.0), scored(0.0), scored(0.5), failed("x"), skipped("y"))
    summary = summarise(rows, Metric("m", maximum=1), rows_expected=7)
    assert (summary["m_rows_expected"], summary["m_rows_scored"], summary["m_rows_failed"]) == (6, 3, 3)
    assert summary["m_coverage"] == 0.5
    assert summary["m"] == 0.5
    assert summary["m_worst_case"] == 0.25
    assert 0 <= summary["m_ci_low"] < 0.5 < summary["m_ci_high"] <= 1


@pytest.mark.parametrize("rows", [[], rows_of("m", failed("x"), failed("y"))])
@pytest.mark.parametrize("metric", [Metric("m", maximum=100), Metric("m", maximum=1, binary=True)])
def test_a_quality_metric_without_scores_is_zero_and_says_nothing(rows, metric):
    summary = summarise(rows, metric, len(rows))
    assert summary["m"] == summary["m_worst_case"] == summary["m_coverage"] == summary["m_ci_low"] == 0
    assert summary["m_ci_high"] == metric.maximum
    assert summary["m_rows_failed"] == len(rows)


def test_a_plain_figure_without_scores_is_left_out():
    summary = summarise([], Metric("seconds"), 3)
    assert "seconds" not in summary
    assert "seconds_ci_low" not in summary
    assert summary["seconds_rows_failed"] == 3
    assert summary["seconds_coverage"] == 0


def test_a_plain_figure_of_one_row_has_no_interval():
    assert summarise(rows_of("s", scored(2.0)), Metric("s"), 1)["s"] == 2.0
    assert "s_ci_low" not in summarise(rows_of("s", scored(2.0)), Metric("s"), 1)


def test_equal_scores_do_not_claim_certainty():
    summary = summarise(rows_of("m", *[scored(100.0)] * 5), Metric("m", maximum=100), 5)
    assert summary["m"] == summary["m_ci_high"] == 100
    assert summary["m_ci_low"] < 60


def test_more_rows_never_worsen_what_is_expected():
    summary = summarise(rows_of("m", scored(1.0), scored(1.0)), Metric("m", maximum=1), rows_expected=1)
    assert summary["m_rows_expected"] == 2
    assert summary["m_coverage"] == 1


def test_outcomes_add_up_to_the_rows_expected():
    rows = [{"outcome": o} for o in ("answered", "refused", "truncated", "errored", "answered", "nonsense")] + [{}]
    counts = count_outcomes(rows, 9)
    assert counts["rows_answered"] == 2
    assert counts["rows_unparsable"] == 2
    assert counts["rows_missing"] == 2
    assert sum(v for k, v in counts.items() if k != "rows_expected") == counts["rows_expected"] == 9


def test_categories_become_metric_names():
    assert category_key("Multi-turn: Été!") == "multi_turn_ete"
    assert category_key("東京") == category_key("東京") != category_key("大阪")
    assert category_key("東京").isascii()


def test_category_means_say_how_many_rows_they_rest_on():
    rows = [
        {"category": "Facts", **scored(1.0).fields("m")},
        {"category": "facts", **failed("x").fields("m")},
        {"category": "", **scored(0.0).fields("m")},
    ]
    assert summarise_categories(rows, [Metric("m", maximum=1)]) == {
        "category_facts_rows": 2,
        "category_facts_m": 1.0,
        "category_facts_m_rows_scored": 1,
    }
