import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from promptflow.exceptions import UserErrorException

from bakeoff.errors import EndpointError
from bakeoff.hosts import promptflow_judge
from bakeoff.hosts.promptflow_judge import judge_groundedness, judge_row
from bakeoff.metrics import rag
from bakeoff.models.base import Completion, Message, ModelIdentity, Parameters

EVALUATION = Path(__file__).parents[2] / "evaluations/judge"
INSTRUCTIONS = {path.stem: path.read_text(encoding="utf-8") for path in EVALUATION.glob("*.jinja2")}
ROW: dict[str, Any] = {
    "question": "How heavy may my bag be?",
    "answer": "8 kg.",
    "other_answer": "You may bring a bag of up to 8 kg.",
    "ground_truth": "8 kg",
    "context": [{"number": 1, "text": "A bag may weigh 8 kg."}, {"number": None, "text": "Not shown."}],
    "labels": {"relevance": 5, "preference": "tie"},
    "category": "baggage",
    "row_id": "r1",
}


class Judge:
    """Answers with `says`, in turn; an exception among them is raised. `asked` keeps what it was sent."""

    identity = ModelIdentity("judge", "test")

    def __init__(self, *says: str | Exception):
        self.says, self.asked = list(says), list[tuple[str, str, Parameters]]()

    def complete(self, messages: Sequence[Message], parameters: Parameters) -> Completion:
        self.asked.append((messages[0].text, messages[1].text, parameters))
        answer = self.says[(len(self.asked) - 1) % len(self.says)]
        if isinstance(answer, Exception):
            raise answer
        return Completion(answer, "stop", self.identity, prompt_tokens=100, completion_tokens=10, total_time=0.5)


def judged(monkeypatch: pytest.MonkeyPatch, model: Judge, **changes: Any) -> dict[str, Any]:
    monkeypatch.setattr(promptflow_judge, "load_model", lambda *_: model)
    how = {
        "judge": "judge",
        "connection": None,
        "criteria": [],
        "repeats": 1,
        "max_new_tokens": 50,
        "prices": (0, 0),
        "sdk_evaluators": (),
    }
    return judge_row(instructions=INSTRUCTIONS, **{**how, **ROW, **changes})


def score(value: int) -> str:
    return json.dumps({"reason": "because", "score": value})


def test_each_criterion_is_asked_with_its_own_texts_and_a_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(*[score(n) for n in (5, 4, 3, 2, 1, 5)], '{"winner": "first"}', '{"winner": "second"}')
    row = judged(monkeypatch, judge, prices=(2.5, 10.0))
    names = ("relevance", "coherence", "fluency", "similarity", "groundedness", "retrieval")
    assert [row[f"{name}_score"] for name in names] == [5, 4, 3, 2, 1, 5]
    assert row["relevance_reason"] == "because"
    for name, (instructions, texts, parameters) in zip(names, judge.asked, strict=False):
        assert instructions == INSTRUCTIONS[name]
        assert ("\n8 kg.\n" in texts) == (name != "retrieval")
        assert ("A bag may weigh" in texts) == (name in ("groundedness", "retrieval"))
        assert "Not shown" not in texts
        assert parameters.json_schema["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]  # type: ignore[index]
    assert (row["preference_score"], row["preference_orders"], row["longer"]) == (1, ["answer", "answer"], "other")
    first, second = (texts for _, texts, _ in judge.asked[6:])
    assert first.index("<first_answer ") < first.index("\n8 kg.") < first.index("<second_answer ")
    assert second.index("<second_answer ") < second.index("\n8 kg.")
    assert (row["judge_calls_score"], row["judge_prompt_tokens_score"], row["judge_latency_score"]) == (8, 800, 4.0)
    assert row["judge_cost_score"] == pytest.approx((800 * 2.5 + 80 * 10) / 1e6)
    assert (row["human_relevance"], row["human_preference"]) == (5, "tie")


def test_a_row_without_a_text_skips_what_needs_it_and_asks_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(score(3))
    row = judged(monkeypatch, judge, other_answer="", ground_truth="", context="", labels={}, criteria=[])
    assert len(judge.asked) == 3
    assert {row[f"{name}_status"] for name in ("similarity", "groundedness", "retrieval", "preference")} == {"skipped"}
    assert row["similarity_reason"] == "the row has no ground_truth"
    assert row["judge_cost_status"] == "skipped"


def test_failures_belong_to_one_score(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(score(5), "5", EndpointError("HTTP 500", status=500), '{"winner": "first"}', "neither")
    row = judged(monkeypatch, judge, criteria=["relevance", "coherence", "fluency", "preference"])
    assert [row[f"{name}_status"] for name in ("relevance", "coherence", "fluency")] == ["scored", "failed", "failed"]
    assert "HTTP 500" in row["fluency_reason"]
    assert (row["preference_status"], row["preference_score"]) == ("failed", None)
    assert row["similarity_reason"] == "not asked for"


def test_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    row = judged(monkeypatch, Judge(score(5), score(3)), criteria=["relevance"], repeats=2)
    assert (row["relevance_score"], row["relevance_twice"], row["judge_calls_score"]) == (5, [5, 3], 2)


@pytest.mark.parametrize(
    ("changes", "says", "problem"),
    [
        ({"criteria": ["kindness"]}, score(5), "criteria has kindness: use relevance"),
        ({"judge": ""}, score(5), "no judge is named"),
        ({"repeats": 3}, score(5), "repeats is 3"),
        ({}, EndpointError("HTTP 401: the key", status=401), "HTTP 401"),
    ],
)
def test_what_no_row_can_survive_is_raised(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], says: Any, problem: str
) -> None:
    with pytest.raises(UserErrorException, match=problem):
        judged(monkeypatch, Judge(says), **changes)


def test_wrong_labels_are_named_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    row = judged(monkeypatch, Judge(score(5)), labels={"relevance": 9}, criteria=["relevance"])
    assert "relevance is 9" in row["labels_problem"]
    assert "human_relevance" not in row


@pytest.mark.parametrize(
    ("row", "passages", "status", "reason"),
    [
        ({}, ROW["context"], "scored", "because"),
        ({"groundedness_status": "skipped", "groundedness_reason": "it abstains"}, ROW["context"], "skipped", "it abs"),
        ({"outcome": "errored", "groundedness_reason": "HTTP 500"}, ROW["context"], "failed", "HTTP 500"),
        ({}, [], "skipped", "the row has no context"),
        ({"groundedness_status": "failed"}, ROW["context"], "scored", "because"),
    ],
)
def test_a_judge_of_groundedness_beside_the_one_without(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], passages: Any, status: str, reason: str
) -> None:
    judge = Judge(score(4))
    monkeypatch.setattr(promptflow_judge, "load_model", lambda *_: judge)
    before = {
        "answer": "8 kg.",
        "outcome": "answered",
        "groundedness_status": "scored",
        "groundedness_reason": "",
    } | row
    found = judge_groundedness(before, passages, INSTRUCTIONS["groundedness"], "judge", None, 50)
    assert found["judged_groundedness_status"] == status
    assert reason in found["judged_groundedness_reason"]
    assert len(judge.asked) == (status == "scored") == found["judge_calls_score"]
    assert judge_groundedness(before, passages, "", "", None, 50) == before
    metrics = rag.aggregate([found], 1)
    assert ("judge_latency" in metrics) == (status == "scored")
    assert metrics["judged_groundedness_rows_scored"] == (status == "scored")
    assert "judged_groundedness" not in rag.aggregate([before], 1)


def test_the_embedded_model_judges(smollm2: Path) -> None:
    how = {
        "judge": str(smollm2),
        "connection": None,
        "repeats": 1,
        "max_new_tokens": 60,
        "prices": (0, 0),
        "sdk_evaluators": (),
    }
    row = judge_row(instructions=INSTRUCTIONS, **how, **ROW, criteria=["fluency"])  # type: ignore[arg-type]
    assert (row["fluency_status"], row["judge_calls_score"]) == ("scored", 1)
    assert row["fluency_score"] in (1, 2, 3, 4, 5)
