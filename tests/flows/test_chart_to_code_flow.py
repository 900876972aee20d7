"""flows/chart_to_code and evaluations/chart_to_code through the real `pf`: written answers, from right to hostile."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from endpoint import endpoint
from promptflow.client import PFClient

ROOT = Path(__file__).parents[2]
FLOW, EVALUATION = ROOT / "flows/chart_to_code", ROOT / "evaluations/chart_to_code"
CHARTS = ROOT / "data/chart_to_code/charts"
RIGHT = """```python
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.bar(["Soup", "Salad", "Pasta", "Curry", "Cake", "Fruit"], [110, 50, 80, 100, 70, 60])
ax.set(title="Meals sold on board", xlabel="Meal", ylabel="Portions")
plt.show()
```"""
HEAD = "import matplotlib.pyplot as plt\nplt.bar(['Soup'], [110])\n"
# What the model of that name answers, and what has to become of it.
ANSWERS = {
    "right": (RIGHT, "drew"),
    "wrong": (RIGHT.replace("110, 50, 80, 100, 70", "11, 5, 8, 10, 7"), "drew"),
    "file": (HEAD + "plt.title(open('/etc/passwd').read())", "forbidden"),
    "import": (HEAD + "__import__('os').system('id')", "forbidden"),
    "subclasses": (HEAD + "().__class__.__base__.__subclasses__()", "forbidden"),
    "fork": (HEAD + "import os\nwhile True:\n    os.fork()", "forbidden"),
    "latex": (HEAD + "plt.title('x', {'usetex': True})", "denied"),
    "endless": (HEAD + "for _ in range(10**12): pass", "time"),
    "memory": (HEAD + "x = [0] * 10**10", "memory"),
    "exception": (HEAD + "1 / 0", "error"),
    "prose": ("It is a bar chart of meals.", "unparsable"),
    "half": (RIGHT[:100], "unparsable"),
}
PICTURE = "data:image/png;path"

pytestmark = pytest.mark.usefixtures("smollm2")


@pytest.fixture(scope="module")
def runs(pf: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A row for each of ANSWERS, one whose picture is broken and one for the embedded text model, all of one chart."""
    folder = tmp_path_factory.mktemp("charts")
    lines = (CHARTS / "input.jsonl").read_text(encoding="utf-8").splitlines()
    chart = next(row for row in map(json.loads, lines) if row["truth"]["title"] == "Meals sold on board")
    shutil.copy(CHARTS / chart["image"][PICTURE], folder / "chart.png")
    (folder / "broken.png").write_text("no picture")
    models = {name: f"openai:{name}" for name in (*ANSWERS, "broken")} | {"local": "smollm2-135m-instruct"}
    data = folder / "input.jsonl"
    with data.open("w", encoding="utf-8") as file:
        for name, model in models.items():
            picture = "broken.png" if name == "broken" else "chart.png"
            file.write(json.dumps({**chart, "id": name, "image": {PICTURE: picture}, "model": model}) + "\n")
    with endpoint({name: answer for name, (answer, _) in ANSWERS.items()}) as server:
        pf(
            *("run", "create", "--flow", FLOW, "--data", data, "--name", "chart_rows"),
            *("--column-mapping", "image=${data.image}", "model=${data.model}", "max_new_tokens=16"),
            env={"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "none"},
        )
    evaluation = ("--file", EVALUATION / "run.yaml", "--data", data, "--run", "chart_rows", "--name", "chart_scores")
    pf("run", "create", *evaluation)
    outputs = {}
    for run in ("chart_rows", "chart_scores"):
        lines = (pf.run_folder(run) / "flow_outputs/output.jsonl").read_text(encoding="utf-8").splitlines()
        outputs[run] = dict(zip(models, map(json.loads, lines), strict=True))
    metrics = json.loads((pf.run_folder("chart_scores") / "metrics.json").read_text(encoding="utf-8"))
    return {"answers": outputs["chart_rows"], "scores": outputs["chart_scores"], "metrics": metrics}


@pytest.mark.parametrize("folder", [FLOW, EVALUATION])
def test_flows_are_valid(folder: Path) -> None:
    found = PFClient().flows.validate(folder)
    assert found.passed, found


@pytest.mark.parametrize("folder", [FLOW, EVALUATION])
def test_requirements_lie_within_the_projects(folder: Path) -> None:
    project = set(re.findall(r'^    "([^"]+)",', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE))
    assert set((folder / "requirements.txt").read_text(encoding="utf-8").splitlines()) <= project


def test_a_model_that_sees_gets_the_picture_and_another_what_ocr_reads(runs: dict[str, Any]) -> None:
    seen, read = runs["answers"]["right"], runs["answers"]["local"]
    assert (seen["source"], seen["answer"], seen["ocr_text"]) == ("image", RIGHT, None)
    assert read["source"] == "text"
    assert "Soup Salad Pasta" in read["ocr_text"]
    assert read["completion"]["model"]["name"] == "smollm2-135m-instruct"
    assert read["completion"]["completion_tokens"] > 0


@pytest.mark.parametrize("name", ANSWERS)
def test_what_becomes_of_the_code(runs: dict[str, Any], name: str) -> None:
    score = runs["scores"][name]
    became = ANSWERS[name][1]
    assert (score["outcome"], score["code"]) == ("answered", became), score["row"]
    row = score["row"]
    assert row["drawn_score"] == (became == "drew")
    assert row["data_f1_status"] == ("scored" if became == "drew" else "failed")


def test_drawings_are_compared_with_the_truth(runs: dict[str, Any]) -> None:
    right, wrong = (runs["scores"][name]["row"] for name in ("right", "wrong"))
    assert right["data_f1_score"] == right["labels_score"] == right["kind_score"] == 1
    assert wrong["data_f1_score"] < 0.5
    assert 0 < right["picture_similarity_score"] < 1


def test_a_broken_picture_is_no_wrong_answer(runs: dict[str, Any]) -> None:
    assert "not an image" in runs["answers"]["broken"]["completion"]["error"]
    assert (runs["scores"]["broken"]["outcome"], runs["scores"]["broken"]["code"]) == ("errored", "")


def test_the_metrics_keep_all_of_it_apart(runs: dict[str, Any]) -> None:
    metrics = runs["metrics"]
    rows = len(ANSWERS) + 2
    assert (metrics["rows_expected"], metrics["rows_errored"], metrics["rows_missing"]) == (rows, 1, 0)
    counts = {"drew": 2, "forbidden": 4, "denied": 1, "time": 1, "memory": 1}
    assert {name: metrics[f"code_{name}"] for name in counts} == counts
    assert metrics["data_f1_rows_scored"] == 2
    assert metrics["data_f1_worst_case"] == pytest.approx(metrics["data_f1"] * 2 / rows)
    assert metrics["category_bar_chart_rows"] == rows
