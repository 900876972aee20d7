"""Prompts and scores are lm-evaluation-harness's on the same rows: perf/lm_eval_requests.py compares both."""

import json
import math
from pathlib import Path

import pytest
from benchmarks_data import ScriptedModel, log, steady
from suite_rows import GLUE_ROWS, write_suite

from bakeoff.benchmarks.glue import GLUE, expected_similarity, stsb_items
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.registry import TASKS
from bakeoff.benchmarks.run import Settings
from bakeoff.benchmarks.suite import SuiteResult, run_suite
from bakeoff.errors import InputError

BENCHMARKS = Path(__file__).parents[3] / "shared/benchmarks"


def run(folder: Path, model: ScriptedModel, **settings: object) -> SuiteResult:
    chosen = Settings(data=folder / "data", **settings)  # type: ignore[arg-type]
    return run_suite(GLUE, model, chosen, folder / "out", lambda line: None)  # type: ignore[arg-type]


def first(name: str) -> Item:
    return TASKS[f"glue_{name}"].items(GLUE_ROWS[name], [], 0)[0]


@pytest.mark.parametrize(
    ("name", "prompt", "choices"),
    [
        ("cola", "The dog barked.\nQuestion: Does this sentence make sense?\nAnswer:", (" no", " yes")),
        (
            "sst2",
            "a warm , clever film \nQuestion: Is this sentence positive or negative?\nAnswer:",
            (" negative", " positive"),
        ),
        (
            "mrpc",
            "Sentence 1: The cook salted the soup.\nSentence 2: The soup was salted by the cook.\n"
            "Question: Do both sentences mean the same thing?\nAnswer:",
            (" no", " yes"),
        ),
        (
            "qqp",
            "Question 1: The cook salted the soup.\nQuestion 2: The soup was salted by the cook.\n"
            "Question: Do both questions ask the same thing?\nAnswer:",
            (" no", " yes"),
        ),
        (
            "mnli_matched",
            "The cook salted the soup.\nQuestion: The soup was salted by the cook. True, False or Neither?\nAnswer:",
            (" True", " Neither", " False"),
        ),
        (
            "qnli",
            "Who keeps bees?\nMara keeps bees.\nQuestion: Does this response answer the question?\nAnswer:",
            (" yes", " no"),
        ),
        (
            "rte",
            "The cook salted the soup.\nQuestion: The soup was salted by the cook. True or False?\nAnswer:",
            (" True", " False"),
        ),
        (
            "wnli",
            "The cook salted the soup.\nQuestion: The soup was salted by the cook. True or False?\nAnswer:",
            (" False", " True"),
        ),
    ],
)
def test_prompts_and_label_words(name: str, prompt: str, choices: tuple[str, ...]) -> None:
    item = first(name)
    assert (item.prompt, item.choices) == (prompt, choices)


def test_mnli_gives_a_hypothesis_its_full_stop() -> None:
    third = TASKS["glue_mnli_matched"].items(GLUE_ROWS["mnli_matched"], [], 0)[2]
    assert "Question: Tom has a bicycle. True, False or Neither?" in third.prompt


def test_a_similarity_is_the_expected_label() -> None:
    item = first("stsb")
    assert item.choices == (" 0", " 1", " 2", " 3", " 4", " 5")
    assert item.reference == 4.8
    assert expected_similarity(item, Answer(log(0.1, 0.1, 0.1, 0.1, 0.1, 0.1))) == pytest.approx(2.5)
    assert expected_similarity(item, Answer((-9e9,) * 4 + log(0.3, 0.1))) == pytest.approx(4.25)


def test_hidden_labels_are_an_error() -> None:
    with pytest.raises(InputError, match="row 1: the label is -1"):
        TASKS["glue_cola"].items([{"sentence": "A dog.", "label": -1}], [], 0)
    with pytest.raises(InputError, match="row 1: the similarity -1"):
        stsb_items([{"sentence1": "", "sentence2": "", "label": -1.0}], [], 0)


def test_the_average_of_all_tasks(tmp_path: Path) -> None:
    """A part with two figures counts once, with their mean."""
    write_suite(tmp_path / "data", GLUE_ROWS)
    right = {
        item.prompt: item
        for task in GLUE.tasks
        for item in task.items(GLUE_ROWS[task.name.removeprefix("glue_")], [], 0)
        if task.name != "glue_wnli" and task.name != "glue_mnli_mismatched"
    }

    def likes(prompt: str, choice: str) -> float:
        item = right.get(prompt)
        if item is None or item.choices.index(choice) != round(item.reference):
            return -5.0
        return math.log(0.9)

    result = run_suite(
        GLUE, ScriptedModel(likes), Settings(data=tmp_path / "data"), tmp_path / "out", lambda line: None
    )  # type: ignore[arg-type]
    figures = {name: one.metrics for name, one in result.results.items()}
    assert figures["glue_cola"]["mcc"] == 1
    assert figures["glue_mrpc"]["f1"] == 1
    assert figures["glue_stsb"]["spearman"] == pytest.approx(1)
    parts = [1, 1, 1, 1]
    parts += [(figures["glue_stsb"]["pearson"] + figures["glue_stsb"]["spearman"]) / 2]
    parts += [(figures["glue_mnli_matched"]["acc"] + figures["glue_mnli_mismatched"]["acc"]) / 2]
    parts += [figures[f"glue_{name}"]["acc"] for name in ("qnli", "rte", "wnli")]
    assert result.average["average"] == pytest.approx(sum(parts) / 9)
    assert result.missing == []
    assert json.loads(result.path.read_text())["tasks"]["glue_cola"]["card"]["definition_sha256"]


def test_no_average_without_all_tasks(tmp_path: Path) -> None:
    write_suite(tmp_path / "data", {"cola": GLUE_ROWS["cola"], "rte": GLUE_ROWS["rte"]})
    result = run_suite(
        GLUE, ScriptedModel(steady), Settings(data=tmp_path / "data"), tmp_path / "out", lambda line: None
    )  # type: ignore[arg-type]
    assert list(result.results) == ["glue_cola", "glue_rte"]
    assert "glue_stsb" in result.missing
    assert result.average == {}
    with pytest.raises(InputError, match="no file of glue"):
        run_suite(GLUE, ScriptedModel(steady), Settings(data=tmp_path / "out"), tmp_path, lambda line: None)  # type: ignore[arg-type]


def test_letters_give_the_official_figures_too(tmp_path: Path) -> None:
    write_suite(tmp_path / "data", {name: GLUE_ROWS[name] for name in ("cola", "stsb")})
    model = ScriptedModel(writes=lambda prompt: "B" if "The dog" in prompt or "We ate" in prompt else "A")
    result = run(tmp_path, model, method="generate")
    assert result.results["glue_cola"].metrics["mcc"] == 1
    assert "glue_stsb" in result.missing
    assert model.asked[0].splitlines()[1:4] == ["Question: Does this sentence make sense?", "A. no", "B. yes"]


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="no real samples on this machine")
@pytest.mark.parametrize("name", ["cola", "sst2", "mnli_matched", "mnli_mismatched", "qnli", "rte", "wnli"])
def test_real_rows_make_items(name: str) -> None:
    from bakeoff.benchmarks.data import load_rows

    task = TASKS[f"glue_{name}"]
    rows = load_rows(task.questions, BENCHMARKS / "glue").records
    assert len(task.items(rows, [], 0)) == len(rows)
