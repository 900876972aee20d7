import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff import catalog

ROOT = Path(__file__).parents[2]
EVALUATION = ROOT / "evaluations" / "rag"

CABIN = {
    "number": 1,
    "id": "0123456789abcdef",
    "document": "bags.md",
    "heading_path": ["Bags", "Cabin bags"],
    "page": None,
    "context": "Bags > Cabin bags",
    "text": "A cabin bag on a domestic flight may weigh 8 kg.",
    "score": 0.03,
    "similarity": 0.7,
}
FEES = CABIN | {"number": None, "document": "fees.md", "heading_path": ["Fees"], "context": "Fees", "text": "EUR 35."}
FOUND = {
    "query": "How heavy?",
    "mode": "hybrid",
    "seconds": 0.02,
    "enough": True,
    "engine": "local",
    "rewritten": False,
}
ASKED = {"finish_reason": "stop", "total_time": 2.0, "prompt_tokens": 200, "completion_tokens": 10}
GOLD = [{"document": "articles/bags.md", "heading": "Bags > Cabin bags"}]
GOLD_FEES = [{"document": "articles/fees.md", "heading": "Fees"}]


def test_the_rag_evaluation_is_a_valid_flow(pf: Any) -> None:
    assert json.loads(pf("flow", "validate", "--source", EVALUATION).stdout)["result"] == "Succeeded"


def test_the_run_file_maps_every_input_that_comes_from_rows() -> None:
    run = yaml.safe_load((EVALUATION / "run.yaml").read_text(encoding="utf-8"))
    flow = yaml.safe_load((EVALUATION / "flow.dag.yaml").read_text(encoding="utf-8"))
    assert set(run["column_mapping"]) == set(flow["inputs"]) - {
        "embedding_model",
        "expected_rows",
        "judge",
        "max_new_tokens",
    }
    columns = set(json.loads((EVALUATION / run["data"]).read_text(encoding="utf-8").splitlines()[0]))
    mapped = {v.removeprefix("${data.").rstrip("}") for v in run["column_mapping"].values() if v.startswith("${data.")}
    assert mapped <= columns


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """What flows/rag may give, beside the columns of data/rag; the last row is broken in every field."""
    usual = {
        "answer": "A cabin bag on a domestic flight may weigh 8 kg [1].",
        "completion": ASKED,
        "passages": [CABIN, FEES],
        "retrieval": FOUND,
        "ground_truth": "8 kg",
        "aliases": [],
        "gold": GOLD,
        "answerable": True,
        "category": "single_hop",
        "question": "How heavy may a cabin bag be on a domestic flight?",
        "embedding_model": "all-minilm-l6-v2",
    }
    silent = {"answer": "I don't know.", "ground_truth": "I don't know.", "gold": [], "answerable": False}
    closed = {"completion": {}, "retrieval": FOUND | {"enough": False}, "passages": [CABIN | {"number": None}]}
    records: list[dict[str, Any]] = [
        {"id": "right"},
        {"id": "not found", "answer": "20 kg [1].", "passages": [FEES | {"number": 1}]},
        {"id": "not shown", "answer": "EUR 8 [1][7].", "gold": GOLD_FEES, "ground_truth": "EUR 35"},
        {"id": "not passed", "answer": "I don't know.", **closed},
        {"id": "not said", "answer": "I don't know."},
        {"id": "wrong", "answer": "20 kg [1]."},
        {"id": "silent", **silent, **closed, "category": "unanswerable"},
        {"id": "made up", **silent, "answer": "EUR 8 [1].", "category": "unanswerable"},
        {"id": "errored", "answer": "", "completion": {"finish_reason": "error", "error": "boom"}},
        {"id": "no model", "embedding_model": "no-such-model"},
        {"id": "broken", "completion": "x", "passages": "x", "retrieval": "x", "gold": "x", "answerable": "x"},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(usual | record) + "\n" for record in records), encoding="utf-8")
    return path


def test_a_run_tells_the_halves_apart(pf: Any, rows: Path) -> None:
    catalog.ensure("all-minilm-l6-v2", print)
    optional = ("id", "category", "question", "aliases", "gold", "answerable", "embedding_model")
    mapping = [f"{column}=${{data.{column}}}" for column in optional]
    run = ["run", "create", "--flow", EVALUATION, "--data", rows, "--name", "rag_rows"]
    pf(*run, "--column-mapping", *mapping)
    folder = pf.run_folder("rag_rows")
    lines = (folder / "flow_outputs" / "output.jsonl").read_text(encoding="utf-8").splitlines()
    outputs = {output["row"]["id"]: output for output in map(json.loads, lines)}
    assert {name: output["blame"] for name, output in outputs.items()} == {
        "right": "none",
        "not found": "retrieval",
        "not shown": "packing",
        "not passed": "threshold",
        "not said": "abstention",
        "wrong": "generation",
        "silent": "none",
        "made up": "generation",
        "errored": "unknown",
        "no model": "none",
        "broken": "unknown",
    }
    assert outputs["right"]["row"]["groundedness_score"] == outputs["right"]["row"]["citation_recall_score"] == 1.0
    assert outputs["wrong"]["row"]["groundedness_score"] == 0.0
    assert "no-such-model" in outputs["no model"]["row"]["groundedness_reason"]
    assert "boom" in outputs["errored"]["row"]["f1_reason"]
    assert outputs["errored"]["recall_at_5"] == 1.0
    assert "completion" in outputs["broken"]["row"]["groundedness_reason"]
    assert "answerable" in outputs["broken"]["row"]["recall_at_5_reason"]

    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["rows_expected"] == len(outputs) == 11
    assert (metrics["rows_answered"], metrics["rows_errored"], metrics["rows_unparsable"]) == (9, 1, 1)
    assert [metrics[f"blame_{part}"] for part in ("none", "generation", "unknown")] == [3, 2, 2]
    assert (metrics["recall_retrieved"], metrics["recall_retrieved_rows_failed"]) == (7 / 8, 1)
    assert metrics["recall_shown"] == 5 / 8
    assert metrics["abstention_precision"] == pytest.approx(1 / 3)
    assert metrics["abstention_recall"] == 0.5
    assert metrics["abstention_f1"] == 0.4
    assert metrics["retrieval_latency_p95"] == pytest.approx(0.02)
    assert metrics["generation_latency_p50"] == 2.0
    assert metrics["category_unanswerable_abstention"] == 0.5
