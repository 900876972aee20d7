"""What `azure.ai.evaluation.evaluate()` gives with our evaluators, uploaded to the Azure AI project on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from cloud_evaluations import Evaluations
from control_plane import GROUP, SCOPE, SUBSCRIPTION, WORKSPACE
from endpoint import endpoint
from loopback_cloud import Cloud
from mlflow_server import mlflow_server

from bakeoff.hosts.azure_evaluators import JudgeEvaluator, chat_evaluator, safety_evaluator

PROJECT = {"subscription_id": SUBSCRIPTION, "resource_group_name": GROUP, "project_name": WORKSPACE}
ROWS = [
    {"query": "How heavy may a bag be?", "response": f"{kilos} kg.", "ground_truth": "8 kg", "category": "benign"}
    for kilos in range(25)
]


@pytest.fixture
def evaluations(cloud: Cloud, tmp_path: Path) -> Iterator[Evaluations]:
    """The part of the workspace that takes evaluations."""
    with mlflow_server(tmp_path) as address:
        cloud.plane.evaluations = Evaluations(SCOPE, address)
        yield cloud.plane.evaluations
    cloud.plane.evaluations = None


def says(messages: list[dict[str, Any]]) -> str:
    """One answer the judge fails to score."""
    return "No idea." if "13 kg." in messages[-1]["content"] else json.dumps({"reason": "right", "score": 4})


def test_an_evaluation_arrives_whole(
    cloud: Cloud, evaluations: Evaluations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = pytest.importorskip("azure.ai.evaluation")
    for name, value in cloud.compute.environment.items():
        monkeypatch.setenv(name, value)
    # Its threads have to be more than its evaluators: otherwise they wait for each other for good.
    monkeypatch.delenv("PF_WORKER_COUNT")
    monkeypatch.setenv("OPENAI_API_KEY", "no-key-needed")
    data = tmp_path / "answers.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    with endpoint(says) as judge:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{judge.url}/v1")
        evaluators = {
            "chat": chat_evaluator,
            "safety": safety_evaluator,
            "judge": JudgeEvaluator("openai:any", criteria=["relevance", "groundedness"]),
        }
        result = sdk.evaluate(
            data=str(data),
            evaluators=evaluators,
            azure_ai_project=PROJECT,
            evaluation_name="bags",
            tags={"contender": "smollm2"},
        )
    (run,) = _runs(evaluations)
    assert (run["info"]["run_name"], run["info"]["status"]) == ("bags", "FINISHED")
    assert {"key": "contender", "value": "smollm2"} in run["data"]["tags"]
    logged = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert logged == result["metrics"]
    assert logged["chat.exact_match"] == logged["judge.relevance_failed"] == 1 / 25
    assert logged["judge.relevance"] == 4

    identity = run["info"]["run_id"]
    assert evaluations.properties[identity]["runType"] == "eval_run"
    assert f"/evaluation/{identity}?wsid={SCOPE}" in result["studio_url"]
    ((registered, (datastore, path)),) = evaluations.artifacts.items()
    assert registered == (identity, "instance_results.jsonl")
    assert datastore == "workspaceblobstore"
    sent = cloud.compute.container.download_blob(path).readall().decode().splitlines()
    rows = [json.loads(line) for line in sent]
    assert rows == [pytest.approx(_without_nan(row)) for row in result["rows"]]
    assert [row["inputs.response"] for row in rows] == [row["response"] for row in ROWS]
    assert [row["line_number"] for row in rows if row["outputs.judge.relevance"] is None] == [13]


def _runs(evaluations: Evaluations) -> list[dict[str, Any]]:
    """All that MLflow has, from MLflow itself."""
    body = json.dumps({"experiment_ids": ["0"]}).encode()
    address = f"{evaluations.server}/api/2.0/mlflow/runs/search"
    with urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=30) as answer:
        return json.load(answer)["runs"]


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value != value else value for key, value in row.items()}
