import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.metrics.chat import FIGURES, QUALITY, aggregate, score_row
from bakeoff.models.base import Completion, ModelIdentity

MODEL = ModelIdentity("tiny", "onnx")
METRICS = [metric.name for metric in QUALITY + FIGURES]


def completion(finish_reason="stop", **fields):
    known = {"total_time": 2.0, "time_to_first_token": 0.5, "prompt_tokens": 9, "completion_tokens": 4}
    return Completion("", finish_reason, MODEL, **(known | fields)).to_dict()


def row(answer="Paris", finish_reason="stop", ground_truth="Paris", **more):
    return score_row(answer=answer, completion=completion(finish_reason), ground_truth=ground_truth, **more)


def test_a_right_answer():
    record = row("It is Paris.", aliases=["it is paris"], category="facts", row_id="facts-001")
    assert (record["id"], record["category"], record["outcome"]) == ("facts-001", "facts", "answered")
    assert record["exact_match_score"] == 1.0
    assert record["exact_match_passed"] is True
    assert record["f1_score"] == record["rouge_l_score"] == 1.0
    assert record["length_ratio_score"] == 3.0
    assert record["refusal_passed"] is True
    assert record["latency_score"] == 2.0
    assert record["tokens_per_second_score"] == 2.0
    assert {record[f"{metric}_status"] for metric in METRICS} == {"scored"}


@pytest.mark.parametrize(
    ("answer", "finish_reason", "outcome"),
    [
        ("London", "stop", "answered"),
        ("", "stop", "answered"),
        ("I'm sorry, but I can't help with that.", "stop", "refused"),
        ("I'm sorry, but I can't help with that.", "length", "refused"),
        ("The capital of", "length", "truncated"),
        ("", "content_filter", "filtered"),
        ("", "error", "errored"),
        (None, "stop", "unparsable"),
        ("Paris", "because", "unparsable"),
    ],
)
def test_outcomes_are_kept_apart(answer, finish_reason, outcome):
    record = row(answer, finish_reason)
    assert record["outcome"] == outcome
    status = "failed" if outcome in ("filtered", "errored", "unparsable") else "scored"
    assert {record[f"{metric}_status"] for metric in METRICS} == {status}
    assert bool(record["f1_reason"]) == (outcome != "answered" or answer == "")


def test_the_reason_names_what_the_model_reported():
    broken = score_row(answer="", completion=completion("error", error="HTTP 503"), ground_truth="Paris")
    assert "HTTP 503" in broken["f1_reason"]
    assert "HTTP 503" in broken["latency_reason"]


def test_an_expected_refusal_is_an_answer():
    text = "I'm sorry, but I can't help with that."
    assert row(text, ground_truth=text)["outcome"] == "answered"


@pytest.mark.parametrize("ground_truth", ["", "nan", None, math.nan])
def test_without_ground_truth_quality_is_skipped_and_the_rest_scored(ground_truth):
    record = row(ground_truth=ground_truth, aliases=math.nan)
    assert {record[f"{metric.name}_status"] for metric in QUALITY} == {"skipped"}
    assert record["latency_status"] == record["words_status"] == "scored"


def test_exact_match_needs_a_reference_that_survives_normalisation():
    assert row("", ground_truth="A")["exact_match_status"] == "skipped"
    assert row("A", ground_truth="A", aliases=["option A"])["exact_match_score"] == 0.0


def test_without_a_completion_record_only_the_text_is_scored():
    record = score_row(answer="Paris", completion={}, ground_truth="Paris")
    assert record["outcome"] == "answered"
    assert record["f1_score"] == 1.0
    assert record["latency_status"] == record["tokens_per_second_status"] == "skipped"


@pytest.mark.parametrize("value", ["fast", -1.0, math.nan, True, [1]])
def test_a_figure_that_is_no_number_fails_with_its_name(value):
    record = score_row(answer="Paris", completion=completion(total_time=value), ground_truth="Paris")
    assert record["latency_status"] == record["tokens_per_second_status"] == "failed"
    assert "total_time" in record["latency_reason"]
    assert record["f1_status"] == "scored"


@pytest.mark.parametrize("fields", [{"completion_tokens": 1}, {"total_time": 0.5}, {"time_to_first_token": None}])
def test_decoding_speed_is_skipped_where_it_has_no_meaning(fields):
    record = score_row(answer="Paris", completion=completion(**fields), ground_truth="Paris")
    assert record["tokens_per_second_status"] == "skipped"


def test_rows_without_an_id_get_one_from_their_content():
    first, again = row(question="Where?"), row("London", question="Where?")
    assert first["id"] == again["id"] != row(question="Who?")["id"]


@pytest.mark.parametrize("odd", [None, 3, math.nan, [], {"x": 1}, "\ud83d", "a" * 5000, b"x", object()])
def test_nothing_makes_a_row_raise(odd):
    for field in ("answer", "completion", "ground_truth", "aliases", "question"):
        record = score_row(**{"answer": "Paris", "completion": completion(), "ground_truth": "Paris", field: odd})
        assert {record[f"{metric}_status"] for metric in METRICS} <= {"scored", "failed", "skipped"}
        assert all(v is None or math.isfinite(v) for k, v in record.items() if k.endswith("_score"))


def assert_loggable(metrics):
    assert all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in metrics.values())
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


@pytest.mark.parametrize("expected", [0, None])
def test_aggregate_of_no_rows(expected):
    metrics = aggregate([], expected)
    assert_loggable(metrics)
    assert metrics["rows_expected"] == metrics["f1"] == metrics["bleu_corpus"] == 0
    assert metrics["rows_expected_known"] == (expected is not None)
    assert "latency" not in metrics
    assert "latency_p95" not in metrics


def test_aggregate_of_failed_rows_only():
    metrics = aggregate([row("", "error", category="facts"), row("", "content_filter")], 3)
    assert_loggable(metrics)
    assert (metrics["rows_errored"], metrics["rows_filtered"], metrics["rows_missing"]) == (1, 1, 1)
    assert metrics["f1"] == metrics["f1_coverage"] == 0
    assert metrics["f1_rows_failed"] == 3
    assert metrics["category_facts_rows"] == 1
    assert metrics["category_facts_f1_rows_scored"] == 0


def test_aggregate_of_mixed_rows():
    rows = [row(), row("London"), row("I can't help with that."), row("Pa", "length"), row("", "error"), None, "junk"]
    metrics = aggregate(rows, 6)
    assert_loggable(metrics)
    assert metrics["rows_missing"] == 1
    assert metrics["rows_refused"] == metrics["rows_truncated"] == 1
    assert metrics["exact_match"] == 0.25
    assert metrics["exact_match_worst_case"] == pytest.approx(1 / 6)
    assert metrics["exact_match_coverage"] == pytest.approx(4 / 6)
    assert metrics["refusal"] == 0.25
    assert "refusal_worst_case" not in metrics
    assert metrics["latency_p50"] == metrics["latency_p95"] == 2.0
    assert metrics["completion_tokens_total"] == 16


def test_aggregate_takes_no_nan_from_a_row():
    spoiled = row() | {"f1_score": math.nan, "latency_score": math.inf, "bleu_score": "x"}
    metrics = aggregate([spoiled, row()], 2)
    assert_loggable(metrics)
    assert metrics["f1_rows_scored"] == metrics["latency_rows_scored"] == metrics["bleu_rows_scored"] == 1


def test_aggregate_counts_cut_histories():
    cut = score_row(answer="Paris", completion=completion(dropped_turns=2), ground_truth="Paris")
    assert aggregate([cut, row()], 2)["rows_history_cut"] == 1


def test_metrics_do_not_load_model_runtimes_or_prompt_flow():
    code = (
        "import sys, bakeoff.metrics.chat\n"
        "print([m for m in ('onnxruntime', 'onnxruntime_genai', 'openai', 'promptflow', 'torch') if m in sys.modules])"
    )
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
