"""Scores of JSON extractions: what is wrong, unreadable, refused by a filter and missing stays apart."""

import json
import math
from typing import Any

import pytest

from bakeoff.metrics import extract
from bakeoff.metrics.rows import OUTCOMES

WANTED = {"intent": "delay_claim", "entities": {"to": "Vastholm", "amount": "EUR 12"}, "urgency": "normal"}


def row(answer: Any, expected: Any = WANTED, reason: str = "stop", **fields: Any) -> dict[str, Any]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    completion = {
        "finish_reason": reason,
        "error": None,
        "total_time": 0.5,
        "prompt_tokens": 40,
        "completion_tokens": 30,
    }
    return extract.score_row(answer=text, completion=completion, expected=json.dumps(expected), row_id="r", **fields)


def scores(found: dict[str, Any]) -> list[float | None]:
    return [found[f"{name}_score"] for name in ("json_valid", "intent", "entity_f1", "urgency", "exact_match")]


def test_a_right_answer() -> None:
    assert scores(row(WANTED)) == [1, 1, 1, 1, 1]
    spaced = WANTED | {"entities": {"amount": "eur  12", "to": "VASTHOLM"}}
    assert scores(row(f"  {json.dumps(spaced)}\n")) == [1, 1, 1, 1, 1]


def test_each_part_is_scored_by_itself() -> None:
    assert scores(row(WANTED | {"intent": "complaint"})) == [1, 0, 1, 1, 0]
    assert scores(row(WANTED | {"urgency": "low"})) == [1, 1, 1, 0, 0]
    assert scores(row(WANTED | {"entities": {"to": "Vastholm"}})) == [1, 1, pytest.approx(2 / 3), 1, 0]
    assert scores(row(WANTED | {"entities": {"to": "Vastholm", "amount": "EUR 12", "date": "today"}}))[2] == 0.8


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (WANTED | {"intent": "greeting"}, "no intent 'greeting'"),
        (WANTED | {"urgency": "now"}, "no urgency 'now'"),
        (WANTED | {"note": "x"}, "the fields are not"),
        (WANTED | {"entities": {"city": "x"}}, "other fields than"),
        (WANTED | {"entities": {"to": 3}}, "no text"),
        (WANTED | {"entities": []}, "other fields than"),
        (WANTED | {"intent": ["delay_claim"]}, "no intent"),
    ],
)
def test_json_of_another_form_is_not_valid(answer: dict[str, Any], reason: str) -> None:
    found = row(answer)
    assert found["json_valid_score"] == found["exact_match_score"] == 0
    assert reason in found["json_valid_reason"]
    assert found["outcome"] == "answered"


@pytest.mark.parametrize(
    "answer", ["", "delay_claim", '```json\n{"intent": 1}\n```', '{"intent": "delay', "[]", "null"]
)
def test_an_unreadable_answer_is_not_a_wrong_one(answer: str) -> None:
    found = row(answer)
    assert found["outcome"] == "unparsable"
    assert (found["json_valid_score"], found["intent_status"], found["intent_score"]) == (0, "failed", None)


def test_a_failed_answer_has_no_scores() -> None:
    for reason, outcome in (("error", "errored"), ("content_filter", "filtered")):
        found = row("", reason=reason)
        assert (found["outcome"], found["json_valid_status"]) == (outcome, "failed")
    assert row(WANTED, reason="length")["outcome"] == "truncated"


def test_no_entities_on_either_side_is_skipped() -> None:
    nothing = WANTED | {"entities": {}}
    assert row(nothing, nothing)["entity_f1_status"] == "skipped"
    assert row(WANTED, nothing)["entity_f1_score"] == 0


def test_macro_f1_as_scikit_learn_gives_it() -> None:
    """sklearn.metrics.f1_score(["a", "a", "b", "c"], ["a", "b", "b", "x"], labels=["a", "b", "c"], average="macro")."""
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("c", "x")]
    rows = [{"intent_expected": wanted, "intent_found": found} for wanted, found in pairs]
    assert extract.intent_macro_f1(rows) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_a_run() -> None:
    rows = [row(WANTED), row("nonsense"), row(WANTED | {"intent": "complaint"}), row("", reason="error")]
    metrics = extract.aggregate(rows, 6)
    assert [metrics[f"rows_{outcome}"] for outcome in OUTCOMES] == [2, 0, 0, 0, 1, 1]
    assert metrics["rows_missing"] == 2
    assert (metrics["json_valid"], metrics["json_valid_rows_scored"]) == (pytest.approx(2 / 3), 3)
    assert (metrics["intent"], metrics["intent_worst_case"]) == (0.5, pytest.approx(1 / 6))
    assert metrics["intent_macro_f1"] == pytest.approx(2 * 1 / (1 + 4))
    assert metrics["intent_macro_f1_ci_low"] <= metrics["intent_macro_f1"] <= metrics["intent_macro_f1_ci_high"]
    assert metrics["entity_micro_f1"] == pytest.approx(2 * 4 / (2 * 4 + 4))
    assert all(math.isfinite(value) for value in metrics.values())
    empty = extract.aggregate([], None)
    assert empty["intent_macro_f1"] == empty["rows_expected"] == 0
    assert all(math.isfinite(value) for value in empty.values())
