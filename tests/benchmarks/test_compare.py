import json
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks_data import MMLU_DEV, ScriptedModel, write_rows

from bakeoff.benchmarks.compare import comparisons, detectable, differences, read_results, verdict
from bakeoff.benchmarks.mmlu import LETTERS
from bakeoff.benchmarks.run import Settings, run_task
from bakeoff.cli import main
from bakeoff.errors import InputError

QUESTIONS = [
    {"question": f"Bone {i}?", "subject": "anatomy", "choices": ["rib", "ulna", "tibia", "skull"], "answer": i % 2}
    for i in range(60)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "dev.jsonl", MMLU_DEV)
    write_rows(tmp_path / "test.jsonl", QUESTIONS)
    return tmp_path


def result_of(name: str, right_until: int, folder: Path, **settings: int) -> Path:
    """A model that knows the first questions and takes C for the rest."""

    def likes(prompt: str, choice: str) -> float:
        number = int(prompt.rsplit("Bone ", 1)[1].partition("?")[0])
        return float(choice == (f" {'AB'[number % 2]}" if number < right_until else " C"))

    model = ScriptedModel(likes)
    model.identity = replace(model.identity, name=name)
    return run_task(LETTERS, model, Settings(data=folder, **settings), folder / "out", lambda line: None).path  # type: ignore[arg-type]


def test_the_better_one_is_named(folder: Path) -> None:
    contenders = read_results([result_of("weak", 10, folder), result_of("strong", 50, folder)])
    assert differences(contenders) == {}
    (comparison,) = comparisons(contenders)
    assert comparison.difference == pytest.approx(-40 / 60)
    assert verdict(comparison).startswith("acc: strong is better than weak by 0.667 (")


def test_too_few_rows_say_so(folder: Path) -> None:
    (comparison,) = comparisons(read_results([result_of("one", 30, folder), result_of("two", 32, folder)]))
    assert "too few rows to tell two and one apart" in verdict(comparison)
    assert "it would take about" in verdict(comparison)


def test_different_cards_are_never_ranked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = result_of("one", 30, folder), result_of("two", 50, folder, shots=2)
    assert set(differences(read_results([a, b]))) == {"shots", "prompts_sha256"}
    assert main(["benchmark", "compare", str(a), str(b)]) == 1
    said = capsys.readouterr().out
    assert "not ranked, because they were not measured in the same way" in said
    assert "shots: 5 | 2" in said
    assert "better" not in said


def test_the_command_compares(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "compare", str(result_of("a", 10, folder)), str(result_of("b", 60, folder))]) == 0
    assert "acc: b is better than a" in capsys.readouterr().out


def test_what_is_no_result(folder: Path) -> None:
    with pytest.raises(InputError, match="two or more"):
        read_results([result_of("a", 1, folder)])
    (folder / "suite.json").write_text(json.dumps({"suite": "glue"}))
    with pytest.raises(InputError, match="no result of one task"):
        read_results([folder / "suite.json"] * 2)
    with pytest.raises(InputError, match="there is no file"):
        read_results([folder / "none.json"] * 2)


def test_the_detectable_difference_is_the_textbook_s() -> None:
    """Fleiss: 80 % power at 5 % two-sided takes (1.96 + 0.8416) standard errors of the difference."""
    assert detectable({"acc": 0.5, "acc_stderr": 0.02}) == ("acc", pytest.approx(2.8016 * 2**0.5 * 0.02, rel=1e-4))
    assert detectable({"acc": 0.5}) is None
