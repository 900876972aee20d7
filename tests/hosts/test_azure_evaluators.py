"""Our evaluators in azure.ai.evaluation.evaluate(), and Microsoft's beside ours, both with a judge on loopback."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoint import Endpoint, endpoint

from bakeoff.errors import InputError
from bakeoff.hosts import promptflow_judge
from bakeoff.hosts.azure_evaluators import JudgeEvaluator, chat_evaluator, safety_evaluator
from bakeoff.hosts.sdk_evaluators import criterion_of, sdk_score
from bakeoff.metrics import judge
from bakeoff.models.base import ModelIdentity
from bakeoff.models.load import load_model

TEXTS = {"question": "How heavy?", "answer": "8 kg.", "context": "A bag may weigh 8 kg.", "ground_truth": "8 kg"}
ROWS = [
    {"query": "How heavy may a bag be?", "response": "8 kg.", "ground_truth": "8 kg", "category": "benign"},
    {"query": "How heavy may a bag be?", "response": "Heavy.", "ground_truth": "8 kg", "category": "jailbreak"},
]


def says(messages: list[dict[str, Any]]) -> str:
    """Ours and Microsoft's want other JSON; to `Heavy.` there is no reply that can be read."""
    if "Heavy." in messages[-1]["content"]:
        return "No idea."
    if "Reply with one JSON object" in messages[0]["content"]:
        return json.dumps({"reason": "right", "score": 5})
    return json.dumps({"reason": "because", "score": 4, "status": "completed"})


@pytest.fixture(scope="module")
def loopback() -> Iterator[Endpoint]:
    """The judge's endpoint, named by environment variables: `openai:any`."""
    with endpoint(says) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", f"{running.url}/v1")
        patch.setenv("OPENAI_API_KEY", "no-key-needed")
        yield running


def test_what_our_evaluators_give(loopback: Endpoint) -> None:
    found = chat_evaluator(response="8 kg.", ground_truth="8 kg")
    assert (found["exact_match"], found["exact_match_failed"], found["refusal"]) == (1, 0, 0)
    assert safety_evaluator(response="Sure.", category="jailbreak")["safe"] == 0
    ours = JudgeEvaluator("openai:any", criteria=["fluency"])
    assert ours(response="8 kg.")["fluency"] == 5
    failed = ours(response="Heavy.")
    assert math.isnan(failed["fluency"])  # type: ignore[arg-type]
    assert failed["fluency_failed"] == 1
    assert "not one JSON object" in str(failed["fluency_reason"])


def test_ours_are_custom_evaluators_of_the_sdk(loopback: Endpoint, tmp_path: Path) -> None:
    sdk = pytest.importorskip("azure.ai.evaluation")
    data = tmp_path / "answers.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    evaluators = {
        "chat": chat_evaluator,
        "safety": safety_evaluator,
        "judge": JudgeEvaluator("openai:any", criteria=["relevance", "similarity"]),
        "f1": sdk.F1ScoreEvaluator(),
    }
    result = sdk.evaluate(data=str(data), evaluators=evaluators, output_path=str(tmp_path / "result.json"))
    metrics = result["metrics"]
    assert metrics["chat.exact_match"] == metrics["chat.f1"] == metrics["f1.f1_score"] == 0.5
    assert metrics["safety.right"] == 0.5
    assert (metrics["judge.relevance"], metrics["judge.relevance_failed"]) == (5, 0.5)
    assert json.loads((tmp_path / "result.json").read_text())["metrics"]["judge.similarity"] == 5


@pytest.mark.parametrize("criterion", judge.NAMES)
def test_microsofts_are_asked_with_the_same_judge(loopback: Endpoint, criterion: str) -> None:
    pytest.importorskip("azure.ai.evaluation")
    model = load_model("openai:any")
    found = sdk_score(f"azure_ai_{criterion}", model, TEXTS)
    assert (found.status, found.score) == ("scored", 4), found.reason
    assert sdk_score(f"azure_ai_{criterion}", model, dict.fromkeys(TEXTS, "")).status == "skipped"


def test_microsofts_stand_beside_ours_under_their_own_names(loopback: Endpoint) -> None:
    pytest.importorskip("azure.ai.evaluation")
    ours = JudgeEvaluator("openai:any", criteria=["relevance"])
    rows = [
        promptflow_judge.judge_row(
            **{"instructions": ours.instructions, "judge": "openai:any", "connection": None, "criteria": ["relevance"]},
            **{"repeats": 1, "max_new_tokens": 50, "prices": (0, 0), "sdk_evaluators": ["azure_ai_relevance"]},
            **{"question": "How heavy?", "answer": answer, "other_answer": "", "ground_truth": "", "context": ""},
            **{"labels": {"relevance": label}, "category": "", "row_id": answer},
        )
        for answer, label in (("8 kg.", 4), ("Heavy.", 2))
    ]
    metrics = judge.aggregate(rows, 2)
    assert (metrics["relevance"], metrics["azure_ai_relevance"]) == (5, 4)
    assert metrics["azure_ai_relevance_coverage"] == 0.5
    assert (metrics["azure_ai_relevance_labels"], metrics["azure_ai_relevance_judge_fit"]) == (2, 0)


def test_what_cannot_be_asked_says_why(monkeypatch: pytest.MonkeyPatch, loopback: Endpoint) -> None:
    class Local:
        identity = ModelIdentity("local", "onnx")

    with pytest.raises(InputError, match="azure_ai_relevance asks an endpoint"):
        sdk_score("azure_ai_relevance", Local(), TEXTS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there is no evaluator 'azure_ai_kindness'"):
        criterion_of("azure_ai_kindness")

    def absent(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}")

    monkeypatch.setattr("bakeoff.hosts.sdk_evaluators.import_module", absent)
    with pytest.raises(InputError, match="needs the package promptflow-evals"):
        sdk_score("promptflow_evals_fluency", load_model("openai:any"), TEXTS)
