import json
import math

import pytest

from bakeoff.metrics.vision_rows import FIGURES, QUALITY, aggregate, score_row
from bakeoff.models.base import Completion, ModelIdentity

METRICS = [metric.name for metric in QUALITY + FIGURES]


def completion(finish_reason="stop", **fields):
    return Completion("", finish_reason, ModelIdentity("tiny", "onnx"), total_time=2.0, **fields).to_dict()


def row(answer="42", finish_reason="stop", ground_truth="40", **more):
    known = {"question_type": "numeric", "ocr_text": "Sum 4O", "true_text": "Sum 40", "degradation": "none"}
    return score_row(answer=answer, completion=completion(finish_reason), ground_truth=ground_truth, **(known | more))


def test_a_numeric_answer_within_five_percent():
    record = row(category="receipt", row_id="receipt-001")
    assert (record["id"], record["category"], record["degradation"]) == ("receipt-001", "receipt", "none")
    assert record["outcome"] == "answered"
    assert (record["exact_match_score"], record["exact_match_passed"]) == (0.0, False)
    assert (record["relaxed_accuracy_score"], record["relaxed_accuracy_passed"]) == (1.0, True)
    assert record["anls_score"] == 0.5
    assert record["field_accuracy_status"] == "skipped"
    assert record["cer_score"] == pytest.approx(1 / 6)
    assert record["wer_score"] == 0.5
    assert record["latency_score"] == 2.0


@pytest.mark.parametrize("question_type", ["text", "field", "comparison", "yes_no", "", None])
def test_relaxed_accuracy_is_for_numbers(question_type):
    assert row(question_type=question_type)["relaxed_accuracy_status"] == "skipped"
    assert row(question_type="count")["relaxed_accuracy_status"] == "scored"


@pytest.mark.parametrize(
    ("answer", "score", "part"), [("INV 7.", 1.0, "right"), ("INV 8", 0.0, "wrong"), ("", 0.0, "missing")]
)
def test_a_field_question_is_one_field(answer, score, part):
    record = row(answer, ground_truth="INV-7", aliases=["inv 7"], question_type="field")
    assert record["field_accuracy_score"] == score
    assert record[f"fields_{part}"] == 1


def test_extracted_fields():
    expected = {"total": "5.00", "date": "2 May"}
    record = row(fields={"Total": "5.00", "vendor": "Hill"}, expected_fields=expected, question_type="field")
    assert record["field_accuracy_score"] == 0.5
    assert [record[f"fields_{part}"] for part in ("right", "wrong", "missing", "spurious")] == [1, 0, 1, 1]


@pytest.mark.parametrize("fields", [math.nan, "total: 5", {"total": {"amount": 5}}])
def test_fields_that_could_not_be_read_are_failed_not_wrong(fields):
    record = row(fields=fields, expected_fields={"total": "5.00"})
    assert record["field_accuracy_status"] == "failed"
    assert record["field_accuracy_reason"]
    assert record["exact_match_status"] == "scored"


@pytest.mark.parametrize(("finish_reason", "outcome"), [("error", "errored"), ("content_filter", "filtered")])
def test_error_rates_do_not_depend_on_the_answer(finish_reason, outcome):
    record = row("", finish_reason, question_type="field")
    assert record["outcome"] == outcome
    assert {record[f"{name}_status"] for name in ("exact_match", "anls", "field_accuracy", "latency")} == {"failed"}
    assert record["cer_status"] == record["wer_status"] == "scored"


@pytest.mark.parametrize(
    ("ocr_text", "true_text", "status"),
    [(None, "a", "skipped"), ("a", None, "skipped"), ("a", "nan", "skipped"), ("", "a", "scored"), (3, "a", "failed")],
)
def test_error_rates_need_both_texts(ocr_text, true_text, status):
    record = row(ocr_text=ocr_text, true_text=true_text)
    assert record["cer_status"] == record["wer_status"] == status


@pytest.mark.parametrize("odd", [None, 3, math.nan, [], {"x": 1}, "\ud83d", "a" * 5000, b"x", object()])
def test_nothing_makes_a_row_raise(odd):
    inputs = ("answer", "completion", "ground_truth", "aliases", "question_type", "ocr_text", "true_text", "fields")
    for name in (*inputs, "expected_fields", "degradation"):
        given = {"answer": "42", "completion": completion(), "ground_truth": "40", "expected_fields": {"total": "5"}}
        record = score_row(**(given | {name: odd}))
        assert {record[f"{metric}_status"] for metric in METRICS} <= {"scored", "failed", "skipped"}
        aggregate([record], 1)


def assert_loggable(metrics):
    assert all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in metrics.values())
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


@pytest.mark.parametrize("expected", [0, None])
def test_aggregate_of_no_rows(expected):
    metrics = aggregate([], expected)
    assert_loggable(metrics)
    assert metrics["rows_expected"] == metrics["anls"] == metrics["fields_wrong_total"] == 0
    assert not {"cer", "cer_corpus", "cer_max", "latency", "latency_p95"} & metrics.keys()


def test_aggregate_of_mixed_rows():
    rows = [
        row("40", category="receipt"),
        row("99", category="bar chart", degradation="blurred", ocr_text="", true_text="ab"),
        row("", "error", category="bar chart", degradation="blurred", ocr_text=None),
        row("INV 7", ground_truth="INV 8", question_type="field", category="invoice", degradation=""),
        None,
        "junk",
    ]
    metrics = aggregate(rows, 5)
    assert_loggable(metrics)
    assert (metrics["rows_expected"], metrics["rows_errored"], metrics["rows_missing"]) == (5, 1, 1)
    assert metrics["exact_match"] == pytest.approx(1 / 3)
    assert metrics["exact_match_worst_case"] == pytest.approx(1 / 5)
    assert metrics["cer"] == pytest.approx((1 / 6 + 1 + 1 / 6) / 3)
    assert metrics["cer_corpus"] == pytest.approx((1 + 2 + 1) / (6 + 2 + 6))
    assert metrics["cer_max"] == 1
    assert metrics["fields_wrong_total"] == 1
    assert metrics["latency_p95"] == 2.0
    assert metrics["category_bar_chart_rows"] == 2
    assert metrics["category_bar_chart_exact_match_rows_scored"] == 1
    assert metrics["degradation_none_exact_match"] == 1
    assert metrics["degradation_none_cer_max"] == pytest.approx(1 / 6)
    assert metrics["degradation_blurred_cer"] == 1
    assert metrics["question_type_field_field_accuracy"] == 0
    assert metrics["question_type_numeric_rows"] == 3


def test_a_split_without_ocr_has_no_error_rate():
    metrics = aggregate([row(ocr_text=None)], 1)
    assert metrics["degradation_none_cer_rows_scored"] == 0
    assert "degradation_none_cer" not in metrics
