import math
from typing import Any

import pytest

from bakeoff.metrics.multiple_choice import aggregate, score_row

STOP = {"finish_reason": "stop", "total_time": 0.5}


def row(**changes: Any) -> dict[str, Any]:
    given = {"choice": 1, "answer": "in France", "logprobs": [], "completion": STOP, "label": 1, "category": "places"}
    return score_row(**(given | changes))


def test_right_and_wrong() -> None:
    assert row()["accuracy_score"] == 1
    assert row(choice=0)["accuracy_score"] == 0
    assert row()["probability_status"] == "skipped"


def test_probability_among_the_options() -> None:
    found = row(logprobs=[math.log(0.01), math.log(0.03)])
    assert found["probability_score"] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"choice": -1, "answer": "Paris, I think"}, "unparsable", "not a letter alone: 'Paris, I think'"),
        ({"choice": -1, "answer": "", "completion": {"finish_reason": "error", "error": "HTTP 500"}}, "errored", "500"),
        ({"choice": -1, "completion": {"finish_reason": "content_filter"}}, "filtered", "content filter"),
        ({"label": None}, "answered", "the label is None"),
        ({"answer": None}, "unparsable", "NoneType"),
        ({"completion": None}, "unparsable", "NoneType"),
    ],
)
def test_what_cannot_be_scored_is_not_wrong(changes: dict[str, Any], outcome: str, reason: str) -> None:
    found = row(**changes)
    assert (found["outcome"], found["accuracy_status"]) == (outcome, "failed")
    assert reason in found["accuracy_reason"]


def test_a_run() -> None:
    """Two right of three scored, five expected."""
    rows = [row(row_id="a"), row(row_id="b"), row(choice=0, row_id="c"), row(choice=-1, row_id="d")]
    metrics = aggregate(rows, 5)
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert metrics["accuracy_worst_case"] == pytest.approx(2 / 5)
    assert (metrics["rows_unparsable"], metrics["rows_missing"]) == (1, 1)
    assert metrics["latency_p95"] == 0.5
    assert aggregate([], None)["accuracy"] == 0
