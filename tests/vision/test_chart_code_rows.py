import json
import math

import pytest

from bakeoff.models.base import Completion, ModelIdentity
from bakeoff.vision.chart_code.rows import CODE, FIGURES, QUALITY, aggregate, score_row
from bakeoff.vision.chart_code.sandbox import run_code

METRICS = [metric.name for metric in QUALITY + FIGURES]
TRUTH = {
    "chart": "bar",
    "title": "Visitors",
    "x_label": "Day",
    "y_label": "Guests",
    "x": ["Mon", "Tue"],
    "values": {"2024": [10, 20]},
}


def code(*, tuesday=20, kind="bar"):
    return (
        f"import matplotlib.pyplot as plt\nplt.{kind}(['Mon', 'Tue'], [10, {tuesday}])\n"
        "plt.title('Visitors')\nplt.xlabel('Day')\nplt.ylabel('Guests')\nplt.show()"
    )


def row(answer, finish_reason="stop", **more):
    completion = Completion("", finish_reason, ModelIdentity("tiny", "onnx"), total_time=2.0).to_dict()
    return score_row(**({"answer": answer, "completion": completion, "truth": TRUTH, "category": "bar"} | more))


def test_a_right_answer():
    original = run_code(code()).png
    record = row(f"```python\n{code()}\n```", picture=original, row_id="chart-001")
    assert (record["id"], record["outcome"], record["code"]) == ("chart-001", "answered", "drew")
    assert {record[f"{name}_status"] for name in METRICS} == {"scored"}
    assert {record[f"{name}_score"] for name in METRICS if name not in ("latency", "picture_similarity")} == {1.0}
    assert record["picture_similarity_score"] == pytest.approx(1)


def test_a_wrong_answer_of_the_wrong_kind():
    record = row(code(tuesday=50, kind="plot"))
    assert record["data_f1_score"] == pytest.approx(2 / 3)
    assert (record["kind_score"], record["kind_passed"], record["drawn_score"]) == (0.0, False, 1.0)
    assert record["picture_similarity_status"] == "skipped"


@pytest.mark.parametrize(
    ("answer", "became"),
    [
        ("I see a bar chart.", "unparsable"),
        ("", "unparsable"),
        ("import os", "forbidden"),
        (code() + "\n1 / 0", "error"),
    ],
)
def test_code_that_draws_nothing_is_told_apart(answer, became):
    record = row(answer)
    assert (record["outcome"], record["code"], record["drawn_score"]) == ("answered", became, 0.0)
    assert record["data_f1_status"] == record["kind_status"] == "failed"
    assert record["data_f1_reason"] == record["drawn_reason"] != ""


@pytest.mark.parametrize(
    ("answer", "finish_reason", "outcome"),
    [("", "error", "errored"), ("", "content_filter", "filtered"), (None, "stop", "unparsable")],
)
def test_without_an_answer_nothing_is_scored(answer, finish_reason, outcome):
    record = row(answer, finish_reason)
    assert (record["outcome"], record["code"]) == (outcome, "")
    assert {record[f"{metric.name}_status"] for metric in QUALITY} == {"failed"}


def test_a_process_that_cannot_start_is_not_the_answers_fault(monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    record = row(code())
    assert (record["outcome"], record["code"]) == ("answered", "")
    assert record["drawn_status"] == record["data_f1_status"] == "failed"
    assert "could not be started" in record["drawn_reason"]


def test_a_truth_that_is_no_chart_fails_the_comparison_only():
    record = row(code(), truth={"chart": "pie", "values": {}})
    assert record["drawn_score"] == 1
    assert record["data_f1_status"] == "failed"
    assert "pie" in record["data_f1_reason"]


def test_aggregate():
    rows = [row("import os"), row("no code at all", category=""), row("", "error"), None]
    for expected in (4, None):
        metrics = aggregate(rows, expected)
        assert all(math.isfinite(value) for value in metrics.values())
        assert json.loads(json.dumps(metrics)) == metrics
    metrics = aggregate(rows, 4)
    assert (metrics["code_forbidden"], metrics["code_unparsable"], metrics["code_drew"]) == (1, 1, 0)
    assert (metrics["drawn_rows_scored"], metrics["rows_errored"], metrics["rows_missing"]) == (2, 1, 1)
    assert metrics["data_f1_coverage"] == metrics["data_f1_worst_case"] == 0
    assert metrics["category_bar_rows"] == 2
    assert aggregate([], 0)["drawn"] == sum(aggregate([], 0)[f"code_{name}"] for name in CODE) == 0
