"""flows/vision and evaluations/vision through the real `pf`, in child processes."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from endpoint import endpoint
from promptflow.client import PFClient

ROOT = Path(__file__).parents[2]
FLOW, EVALUATION = ROOT / "flows" / "vision", ROOT / "evaluations" / "vision"
IMAGES = ROOT / "data/vision/questions/images"

pytestmark = pytest.mark.usefixtures("smollm2")


def last_json(text: str) -> dict[str, Any]:
    """The JSON object that a `pf` command prints last."""
    return dict(json.loads(text[re.search(r"^\{$", text, re.MULTILINE).start() :]))  # type: ignore[union-attr]


def questions() -> dict[str, dict[str, Any]]:
    lines = (ROOT / "data/vision/questions/input.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def rows(pf: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Eight rows and their evaluation: two of one receipt, two pictures in one row, a count, a file that is no image, a
    web address, a file that is not there and one outside the data folder."""
    folder = tmp_path_factory.mktemp("vision")
    known = questions()
    pair = {**known["receipt-002"], "id": "pair"}
    pair["image"] = [{"data:image/png;path": "images/sign-00.png"}, pair["image"]]
    count = next(row for row in known.values() if row["question_type"] == "count" and "receipt" in row["image_id"])
    broken = {**known["receipt-001"], "id": "broken", "image": {"data:image/png;path": "images/broken.png"}}
    address = {**broken, "id": "address", "image": {"data:image/png;url": "http://pictures.example/a.png"}}
    missing = {**broken, "id": "missing", "image": {"data:image/png;path": "images/nowhere.png"}}
    outside = {**broken, "id": "outside", "image": {"data:image/png;path": "../outside.png"}}
    data = [known["receipt-001"], known["receipt-002"], pair, count, broken, address, missing, outside]
    (folder / "images").mkdir()
    for name in {"sign-00", "receipt-00", count["image_id"]}:
        shutil.copy(IMAGES / f"{name}.png", folder / "images")
    (folder / "images" / "broken.png").write_text("no picture")
    (folder / "input.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
    arguments = ("--data", folder / "input.jsonl", "--name")
    pf("run", "create", "--file", FLOW / "run.yaml", *arguments, "vision_rows")
    pf("run", "create", "--file", EVALUATION / "run.yaml", "--run", "vision_rows", *arguments, "vision_scores")
    output = (pf.run_folder("vision_rows") / "flow_outputs" / "output.jsonl").read_text(encoding="utf-8")
    answers = dict(zip([row["id"] for row in data], map(json.loads, output.splitlines()), strict=True))
    metrics = json.loads((pf.run_folder("vision_scores") / "metrics.json").read_text(encoding="utf-8"))
    return {"answers": answers, "metrics": metrics, "count": count["id"]}


@pytest.mark.parametrize("folder", [FLOW, EVALUATION])
def test_flows_are_valid(folder: Path):
    found = PFClient().flows.validate(folder)
    assert found.passed, found


@pytest.mark.parametrize("folder", [FLOW, EVALUATION])
def test_requirements_lie_within_the_projects(folder: Path):
    project = set(re.findall(r'^    "([^"]+)",', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE))
    assert set((folder / "requirements.txt").read_text(encoding="utf-8").splitlines()) <= project


def test_field_questions_are_answered_from_the_picture(rows: dict[str, Any]):
    for name, value in (("receipt-001", "EUR 64.05"), ("receipt-002", "26 May 2026"), ("pair", "26 May 2026")):
        assert (rows["answers"][name]["answer"], rows["answers"][name]["source"]) == (value, "field")
    assert "Harbour Bakery" in rows["answers"]["pair"]["ocr_text"]


def test_a_count_is_left_to_the_model(rows: dict[str, Any]):
    row = rows["answers"][rows["count"]]
    assert row["source"] == "text"
    assert row["completion"]["model"]["name"] == "smollm2-135m-instruct"


def test_a_file_that_is_no_image_is_a_row_with_an_error(rows: dict[str, Any]):
    row = rows["answers"]["broken"]
    assert row["completion"]["finish_reason"] == "error"
    assert "not an image" in row["completion"]["error"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("address", "(http://pictures.example/a.png): web addresses are refused"),
        ("missing", "images/nowhere.png"),
        ("outside", "may lie outside the data folder"),
    ],
)
def test_a_picture_that_is_not_read_is_a_row_with_an_error(rows: dict[str, Any], name: str, message: str):
    assert message in rows["answers"][name]["completion"]["error"]


def test_the_evaluation_scores_answers_and_reading(rows: dict[str, Any]):
    metrics = rows["metrics"]
    assert metrics["rows_expected"] == 8
    assert metrics["rows_errored"] == 4
    assert metrics["exact_match_rows_scored"] == 4
    assert metrics["exact_match"] >= 0.75
    assert metrics["exact_match_coverage"] == pytest.approx(4 / 8)
    assert metrics["category_receipt_rows"] == 8


def test_a_multimodal_endpoint_gets_the_picture(pf):
    with endpoint() as server:
        done = pf(
            *("flow", "test", "--flow", FLOW, "--inputs"),
            f"image={IMAGES / 'receipt-00.png'}",
            "question=What is it?",
            "detail=low",
            "model=openai:gpt-4o",
            env={"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "none"},
        )
    output = last_json(done.stdout)
    assert output["source"] == "image"
    assert output["answer"].startswith("You said")
    assert "data:image/png;base64," in output["answer"]
    assert '"detail": "low"' in output["answer"]
