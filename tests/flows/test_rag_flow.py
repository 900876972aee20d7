"""flows/rag and evaluations/rag through the real `pf`, in child processes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from endpoint import endpoint

ROOT = Path(__file__).parents[2]
FLOW = ROOT / "flows" / "rag"
HISTORY = [
    {"inputs": {"question": "How heavy may a cabin bag be on domestic flights?"}, "outputs": {"answer": "8 kg."}}
]
ROWS: dict[str, dict[str, Any]] = {
    "plain": {"question": "From which pier in Port Sallow do the ships leave?", "chat_history": []},
    "follow-up": {"question": "And on international flights?", "chat_history": HISTORY},
    "off topic": {"question": "How do I bake sourdough bread?", "chat_history": []},
    "empty": {"question": "", "chat_history": []},
    "malformed history": {"question": "How heavy may a cabin bag be?", "chat_history": [{"inputs": {}}]},
    "too long": {"question": "From which pier in Port Sallow do the ships leave? " * 4_000, "chat_history": []},
}
EVALUATED = ("plain", "follow-up", "off topic")

pytestmark = pytest.mark.usefixtures("smollm2")


def last_json(text: str) -> dict[str, Any]:
    """The JSON object that a `pf` command prints last."""
    return dict(json.loads(text[re.search(r"^\{$", text, re.MULTILINE).start() :]))  # type: ignore[union-attr]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def output_rows(pf: Any, name: str) -> list[dict[str, Any]]:
    output = pf.run_folder(name) / "flow_outputs" / "output.jsonl"
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def batch(pf: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The output of each of ROWS, by its name."""
    data = write_rows(tmp_path_factory.mktemp("rag") / "rows.jsonl", list(ROWS.values()))
    pf("run", "create", "--file", FLOW / "run.yaml", "--data", data, "--name", "rag_flow_rows")
    return dict(zip(ROWS, output_rows(pf, "rag_flow_rows"), strict=True))


def test_flow_is_valid(pf):
    assert json.loads(pf("flow", "validate", "--source", FLOW).stdout)["result"] == "Succeeded"
    assert json.loads(pf("flow", "validate", "--source", ROOT / "evaluations/rag").stdout)["result"] == "Succeeded"


@pytest.mark.parametrize("folder", [FLOW, ROOT / "evaluations/rag"])
def test_requirements_lie_within_the_projects(folder: Path):
    project = set(re.findall(r'^    "([^"]+)",', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE))
    assert set((folder / "requirements.txt").read_text(encoding="utf-8").splitlines()) <= project


def test_an_answer_comes_with_its_passages(batch: dict[str, dict[str, Any]]):
    row = batch["plain"]
    assert row["completion"]["finish_reason"] in ("stop", "length")  # small models may write on, as the CPU rounds
    assert [passage["number"] for passage in row["passages"]] == [1, 2, 3, *[None] * 7]
    assert any("pier" in passage["text"].lower() for passage in row["passages"][:3])
    assert row["retrieval"]["enough"]
    assert not row["retrieval"]["rewritten"]
    assert set(row["citations"]["cited"]) <= {1, 2, 3}


def test_a_follow_up_is_searched_with_what_came_before(batch: dict[str, dict[str, Any]]):
    row = batch["follow-up"]
    assert row["retrieval"]["rewritten"]
    assert row["retrieval"]["query"].startswith("And on international flights? How heavy ")
    assert row["passages"][0]["document"] == "baggage-international-flights.md"


def test_what_is_off_topic_is_not_asked_of_the_model(batch: dict[str, dict[str, Any]]):
    row = batch["off topic"]
    assert row["answer"] == "I don't know."
    assert row["completion"] == {}
    assert not row["retrieval"]["enough"]
    assert {passage["number"] for passage in row["passages"]} == {None}


@pytest.mark.parametrize(
    ("name", "message"), [("empty", "question is empty"), ("malformed history", "turn 1"), ("too long", "tokens")]
)
def test_a_bad_row_is_a_record_and_not_lost(batch: dict[str, dict[str, Any]], name: str, message: str):
    row = batch[name]
    assert row["answer"] == ""
    assert row["completion"]["finish_reason"] == "error"
    assert message in row["completion"]["error"]


def test_the_evaluation_scores_both_halves(pf, tmp_path: Path):
    questions = ROOT / "data/rag/questions.jsonl"
    rows = {row["id"]: row for row in map(json.loads, questions.read_text(encoding="utf-8").splitlines())}
    chosen = [rows["single_hop-001"], rows["conversational-001"], rows["unanswerable-001"], rows["table-001"]]
    data = write_rows(tmp_path / "rows.jsonl", chosen)
    pf("run", "create", "--file", FLOW / "run.yaml", "--data", data, "--name", "rag_flow_scored")
    evaluation = ROOT / "evaluations/rag/run.yaml"
    judge = ("--set", "column_mapping.judge=smollm2-135m-instruct", "column_mapping.max_new_tokens=60")
    scored = ("--run", "rag_flow_scored", "--name", "rag_flow_scores")
    pf("run", "create", "--file", evaluation, "--data", data, *judge, *scored)
    metrics = json.loads((pf.run_folder("rag_flow_scores") / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["rows_expected"] == 4
    assert metrics["recall_retrieved_rows_scored"] == 3
    assert metrics["recall_retrieved"] >= 0.5
    assert metrics["f1_coverage"] == 1
    assert 0 < metrics["retrieval_latency_p50"] < metrics["generation_latency_p50"]
    assert metrics["judged_groundedness_rows_expected"] == metrics["groundedness_rows_expected"] > 0
    assert 1 <= metrics["judged_groundedness"] <= 5
    assert metrics["judge_calls_total"] == metrics["groundedness_rows_expected"]


def test_an_index_that_is_not_there_says_how_to_make_one(pf):
    done = pf("flow", "test", "--flow", FLOW, "--inputs", "question=Hi", "index=nowhere", check=False)
    assert done.returncode
    assert "bakeoff index DOCS --out INDEX" in done.stdout + done.stderr


def test_an_endpoint_gets_the_passages_between_marks(pf):
    with endpoint() as server:
        done = pf(
            *("flow", "test", "--flow", FLOW, "--inputs"),
            "question=From which pier in Port Sallow do the ships leave?",
            "model=openai:gpt-4o",
            env={"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "none"},
        )
    answer = last_json(done.stdout)["answer"]
    assert answer.startswith('You said <passage number="3" from="'), "the best passage stands last"
    assert answer.count("</passage>") >= 3
    assert "Question: From which pier in Port Sallow do the ships leave?" in answer
