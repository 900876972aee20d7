from pathlib import Path

import pytest

from bakeoff.benchmarks import published
from bakeoff.benchmarks.definition import definition
from bakeoff.benchmarks.model_facts import folder_hash, precision
from bakeoff.benchmarks.registry import TASKS
from bakeoff.cli import main
from bakeoff.errors import InputError

METRICS = {"acc_norm": 0.42, "acc_norm_ci_low": 0.40, "acc_norm_ci_high": 0.44}


def card(rows: int) -> dict[str, object]:
    return {"data": {"rows": rows}, "n": 500}


def test_a_published_figure_inside_and_outside() -> None:
    figure = published.published("smollm2-135m-instruct", "hellaswag")
    inside, said = published.verify(figure, card(10042), METRICS)
    assert inside
    assert said.startswith("published acc_norm 0.4299 (lm-evaluation-harness, zero-shot) lies inside the 95 % interval")
    assert "neither" not in said
    inside, said = published.verify(figure, card(2000), METRICS | {"acc_norm_ci_high": 0.425})
    assert not inside
    assert "these data are 2,000 rows and the published 10,042" in said


def test_every_published_figure_is_of_a_task_and_metric_there_are() -> None:
    for model, figures in definition("published").texts.items():
        for one in figures:
            figure = published.published(model, one["task"])
            assert figure.metric in {metric.name for metric in TASKS[figure.task].metrics}


def test_nothing_published() -> None:
    with pytest.raises(InputError, match="there are: smollm2-135m-instruct on hellaswag_card"):
        published.published("smollm2-135m-instruct", "glue_rte")


@pytest.mark.parametrize("option", [["--verify"], ["--stop-within", "0.1"]])
def test_options_that_are_for_one_task(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "glue", "--model", "any", *option]) == 1
    assert "are for one of them" in capsys.readouterr().err


def test_the_card_s_facts_of_the_model(smollm2: Path, tmp_path: Path) -> None:
    """Q4_1 matrices, the tied Q8_0 embedding, and float32 block offsets."""
    assert precision(smollm2) == "int4 75 %, int8 20 %, float32 5 %"
    (tmp_path / "a").write_text("1")
    first = folder_hash(tmp_path)
    (tmp_path / "a").write_text("2")
    assert folder_hash(tmp_path) != first
    assert len(folder_hash(smollm2)) == 64
