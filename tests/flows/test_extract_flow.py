"""flows/extract and evaluations/extract through the real `pf`, in child processes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import InputError
from bakeoff.hosts.promptflow_extract import examples

ROOT = Path(__file__).parents[2]
FLOW, EVALUATION = ROOT / "flows" / "extract", ROOT / "evaluations" / "extract"
TRAIN = ROOT / "data" / "finetune" / "train.jsonl"

pytestmark = pytest.mark.usefixtures("smollm2")


@pytest.fixture(scope="module")
def batch(pf: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two test messages, and one without text, after two examples; and their evaluation."""
    rows = [json.loads(line) for line in (TRAIN.parent / "test.jsonl").read_text(encoding="utf-8").splitlines()[:2]]
    rows.append(rows[0] | {"id": "empty", "message": " "})
    data = tmp_path_factory.mktemp("extract") / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    mapping = ("message=${data.message}", "shots=2", "instructions=short")
    pf("run", "create", "--flow", FLOW, "--data", data, "--name", "extract_rows", "--column-mapping", *mapping)
    arguments = ("--data", data, "--run", "extract_rows", "--name", "extract_scores")
    pf("run", "create", "--file", EVALUATION / "run.yaml", *arguments)
    output = (pf.run_folder("extract_rows") / "flow_outputs" / "output.jsonl").read_text(encoding="utf-8")
    metrics = json.loads((pf.run_folder("extract_scores") / "metrics.json").read_text(encoding="utf-8"))
    return {"rows": [json.loads(line) for line in output.splitlines()], "metrics": metrics}


def test_flows_are_valid(pf: Any) -> None:
    for folder in (FLOW, EVALUATION):
        assert json.loads(pf("flow", "validate", "--source", folder).stdout)["result"] == "Succeeded"


@pytest.mark.parametrize("folder", [FLOW, EVALUATION])
def test_requirements_lie_within_the_projects(folder: Path) -> None:
    project = set(re.findall(r'^    "([^"]+)",', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE))
    assert set((folder / "requirements.txt").read_text(encoding="utf-8").splitlines()) <= project


def test_a_batch_answers_after_examples_and_keeps_a_bad_row(batch: dict[str, Any]) -> None:
    first, second, empty = batch["rows"]
    assert first["completion"]["prompt_tokens"] > 100  # the two examples
    assert first["answer"]
    assert second["answer"]
    assert "message is empty" in empty["completion"]["error"].replace("question", "message")
    metrics = batch["metrics"]
    assert (metrics["rows_expected"], metrics["rows_errored"], metrics["rows_missing"]) == (3, 1, 0)
    assert metrics["json_valid_rows_scored"] == 2


def test_fixed_examples_are_of_different_intents() -> None:
    turns = examples("anything", 12, "fixed", TRAIN)
    assert len({json.loads(turn["outputs"]["answer"])["intent"] for turn in turns}) == 12


def test_nearest_examples_end_with_the_likest(tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text(
        "".join(f"{line}\n" for line in TRAIN.read_text(encoding="utf-8").splitlines()[:12]), encoding="utf-8"
    )
    message = json.loads(few.read_text(encoding="utf-8").splitlines()[7])["message"]
    assert examples(message.replace("I ", "We "), 3, "nearest", few)[-1]["inputs"]["question"] == message


def test_bad_examples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fixed or nearest"):
        examples("x", 2, "best", TRAIN)
    with pytest.raises(InputError, match="additional_includes"):
        examples("x", 2, "fixed", tmp_path / "none.jsonl")
