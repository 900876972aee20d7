"""flows/multiple_choice and evaluations/multiple_choice through the real `pf`, in child processes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from endpoint import endpoint

ROOT = Path(__file__).parents[2]
FLOW, EVALUATION = ROOT / "flows" / "multiple_choice", ROOT / "evaluations" / "multiple_choice"
PARIS = {
    "id": "paris",
    "category": "places",
    "question": "Where is Paris?",
    "options": ["in Spain", "in France", "in Norway"],
    "prompt": "Question: In which country is Paris?\nAnswer:",
    "choices": [" Spain", " France", " Norway"],
    "label": 1,
}

pytestmark = pytest.mark.usefixtures("smollm2")


def last_json(text: str) -> dict[str, Any]:
    """The JSON object that a `pf` command prints last."""
    return dict(json.loads(text[re.search(r"^\{$", text, re.MULTILINE).start() :]))  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def batch(pf: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Four rows and their evaluation: likelihoods of own texts, of letters, a single option, no label."""
    rows = [
        PARIS,
        PARIS | {"id": "letters", "prompt": "", "choices": []},
        PARIS | {"id": "one option", "options": ["in France"]},
        PARIS | {"id": "no label", "label": -1},
    ]
    data = tmp_path_factory.mktemp("multiple_choice") / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    mapping = [f"{name}=${{data.{name}}}" for name in ("question", "options", "prompt", "choices")]
    pf("run", "create", "--flow", FLOW, "--data", data, "--name", "choice_rows", "--column-mapping", *mapping)
    arguments = ("--data", data, "--run", "choice_rows", "--name", "choice_scores")
    pf("run", "create", "--file", EVALUATION / "run.yaml", *arguments)
    output = (pf.run_folder("choice_rows") / "flow_outputs" / "output.jsonl").read_text(encoding="utf-8")
    chosen = dict(zip([row["id"] for row in rows], map(json.loads, output.splitlines()), strict=True))
    metrics = json.loads((pf.run_folder("choice_scores") / "metrics.json").read_text(encoding="utf-8"))
    return {"chosen": chosen, "metrics": metrics}


def test_flows_are_valid(pf):
    for folder in (FLOW, EVALUATION):
        assert json.loads(pf("flow", "validate", "--source", folder).stdout)["result"] == "Succeeded"


@pytest.mark.parametrize("folder", [FLOW, EVALUATION])
def test_requirements_lie_within_the_projects(folder: Path):
    project = set(re.findall(r'^    "([^"]+)",', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE))
    assert set((folder / "requirements.txt").read_text(encoding="utf-8").splitlines()) <= project


def test_the_likeliest_continuation_is_chosen(batch: dict[str, Any], smollm2: Path):
    from bakeoff.models.load import load_model

    expected = [one.logprob for one in load_model(str(smollm2)).loglikelihood(PARIS["prompt"], PARIS["choices"])]
    row = batch["chosen"]["paris"]
    assert row["logprobs"] == pytest.approx(expected, abs=1e-4)
    assert (row["choice"], row["answer"], row["method"]) == (1, "in France", "loglikelihood")
    assert row["completion"]["finish_reason"] == "stop"


def test_without_texts_the_letters_are_scored(batch: dict[str, Any]):
    row = batch["chosen"]["letters"]
    assert len(row["logprobs"]) == 3
    assert row["answer"] == PARIS["options"][row["choice"]]


def test_a_bad_row_is_an_error_and_not_a_wrong_answer(batch: dict[str, Any]):
    row = batch["chosen"]["one option"]
    assert (row["choice"], row["completion"]["finish_reason"]) == (-1, "error")
    assert "two or more texts" in row["completion"]["error"]
    metrics = batch["metrics"]
    assert (metrics["rows_expected"], metrics["rows_answered"], metrics["rows_errored"]) == (4, 3, 1)
    assert (metrics["accuracy_rows_scored"], metrics["accuracy_rows_failed"]) == (2, 2)
    assert metrics["accuracy"] >= 0.5
    assert metrics["category_places_accuracy_rows_scored"] == 2


def test_an_endpoint_is_asked_for_the_letter(pf, tmp_path: Path):
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text(json.dumps({name: PARIS[name] for name in ("question", "options")} | {"model": "openai:gpt-4o"}))
    with endpoint("(B)") as server:
        environment = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "none"}
        done = pf("flow", "test", "--flow", FLOW, "--inputs", inputs, env=environment)
    output = last_json(done.stdout)
    assert (output["choice"], output["answer"], output["method"]) == (1, "in France", "letter")
    assert output["logprobs"] == []
