import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks_data import MMLU_TEST, ScriptedModel, steady, write_rows

from bakeoff.benchmarks.hellaswag import HELLASWAG
from bakeoff.benchmarks.mmlu import CLOZE, LETTERS
from bakeoff.benchmarks.run import Result, Settings, run_task
from bakeoff.benchmarks.truthfulqa import GENERATION
from bakeoff.errors import EndpointError, InputError, NotSupportedError
from bakeoff.metrics.intervals import wilson_interval


def run(model: ScriptedModel, folder: Path, output: Path, **settings: object) -> Result:
    return run_task(LETTERS, model, Settings(data=folder, **settings), output, lambda line: None)  # type: ignore[arg-type]


def always_b(prompt: str, choice: str) -> float:
    return -1.0 if choice == " B" else -2.0


def test_metrics_of_a_model_that_always_takes_b(mmlu_folder: Path, tmp_path: Path) -> None:
    """Anatomy's answers are 0 1 2 3 0 1, foreign policy's 1 1 1: 5 of 9, 2 of 6, 3 of 3."""
    metrics = run(ScriptedModel(always_b), mmlu_folder, tmp_path / "out").metrics
    assert metrics["acc"] == pytest.approx(5 / 9)
    assert (metrics["acc_ci_low"], metrics["acc_ci_high"]) == pytest.approx(wilson_interval(5 / 9, 9))
    assert metrics["acc_stderr"] == pytest.approx((5 / 9 * 4 / 9 / 8) ** 0.5)
    assert metrics["acc_stem"] == pytest.approx(2 / 6)
    assert metrics["acc_social_sciences"] == 1
    assert metrics["acc_social_sciences_rows_expected"] == 3
    assert metrics["category_anatomy_acc"] == pytest.approx(2 / 6)
    assert metrics["rows_answered"] == 9


def test_the_card_says_what_was_measured(mmlu_folder: Path, tmp_path: Path) -> None:
    result = run(ScriptedModel(always_b), mmlu_folder, tmp_path / "out", limit=6, seed=3, shots=1)
    card = json.loads(result.path.read_text())["card"]
    assert (card["task"], card["n"], card["items_in_data"]) == ("mmlu", 6, 9)
    assert (card["shots"], card["seed"], card["method"]) == (1, 3, "loglikelihood")
    assert card["model"]["name"] == "scripted"
    assert card["version"].startswith("lm-evaluation-harness 0.4.13")
    assert card["data"]["rows"] == 9
    hashes = {card["definition_sha256"], card["prompts_sha256"], card["data"]["sha256"], card["examples"]["sha256"]}
    assert len(hashes) == 4
    other = run(ScriptedModel(always_b), mmlu_folder, tmp_path / "out", limit=6, seed=3, shots=2)
    assert other.path != result.path
    assert other.card["prompts_sha256"] != card["prompts_sha256"]


def test_items_with_a_common_prefix_are_asked_in_a_row(mmlu_folder: Path, tmp_path: Path) -> None:
    write_rows(
        mmlu_folder / "test.jsonl", [row for pair in zip(MMLU_TEST, MMLU_TEST[::-1], strict=True) for row in pair]
    )
    model = ScriptedModel(always_b)
    run(model, mmlu_folder, tmp_path / "out")
    subjects = [prompt.splitlines()[0] for prompt in model.asked]
    assert len(set(subjects)) == 2
    assert subjects == sorted(subjects)


def test_a_killed_run_goes_on_and_ends_with_the_same_numbers(mmlu_folder: Path, tmp_path: Path) -> None:
    script = Path(__file__).parent / "kill_run.py"
    killed = subprocess.run(
        [sys.executable, script, mmlu_folder, tmp_path / "out"], capture_output=True, text=True, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (answers,) = (tmp_path / "out").iterdir()
    assert len(answers.read_text().splitlines()) == 3
    with answers.open("a") as file:
        file.write('{"key": "4", "ans')
    model = ScriptedModel(steady)
    resumed = run(model, mmlu_folder, tmp_path / "out")
    whole = run(ScriptedModel(steady), mmlu_folder, tmp_path / "other")
    assert len(model.asked) == 6
    assert resumed.path.name == whole.path.name
    assert resumed.metrics == whole.metrics
    assert json.loads(resumed.path.read_text())["rows"] == json.loads(whole.path.read_text())["rows"]
    again = ScriptedModel(steady)
    run(again, mmlu_folder, tmp_path / "out")
    assert again.asked == []


def test_answers_are_known_by_content(mmlu_folder: Path, tmp_path: Path) -> None:
    """A larger limit asks what is new only; other shots and another model are other questions."""
    counts = []
    for settings in ({"limit": 4}, {"limit": 7}, {}, {"shots": 1}, {"shots": 1, "seed": 5, "limit": 3}):
        model = ScriptedModel(steady)
        result = run(model, mmlu_folder, tmp_path / "out", **settings)
        counts.append(len(model.asked))
        assert (
            result.metrics
            == run(ScriptedModel(steady), mmlu_folder, tmp_path / f"other{len(counts)}", **settings).metrics
        )
    assert counts == [4, 3, 2, 9, 0]
    other = ScriptedModel(steady)
    other.identity = replace(other.identity, revision="2")
    run(other, mmlu_folder, tmp_path / "out")
    assert len(other.asked) == 9


def test_an_error_is_not_a_wrong_answer_and_is_tried_again(mmlu_folder: Path, tmp_path: Path) -> None:
    failing = ScriptedModel(always_b, fails=lambda prompt: "treaty 1?" in prompt)
    metrics = run(failing, mmlu_folder, tmp_path / "out").metrics
    assert (metrics["rows_answered"], metrics["rows_errored"]) == (8, 1)
    assert metrics["acc"] == pytest.approx(4 / 8)
    assert metrics["acc_worst_case"] == pytest.approx(4 / 9)
    assert metrics["acc_stem_rows_failed"] == 0
    assert metrics["acc_social_sciences_rows_failed"] == 1
    again = ScriptedModel(always_b)
    assert run(again, mmlu_folder, tmp_path / "out").metrics["acc"] == pytest.approx(5 / 9)
    assert len(again.asked) == 1


def test_a_model_that_can_answer_nothing_ends_the_run(mmlu_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="--method generate asks for the letter"):
        run(ScriptedModel(writes=lambda prompt: "B"), mmlu_folder, tmp_path / "out")
    model = ScriptedModel(writes=refuse)
    with pytest.raises(EndpointError, match="wrong key"):
        run(model, mmlu_folder, tmp_path / "out", method="generate")
    assert len(model.asked) == 1


def refuse(prompt: str) -> str:
    raise EndpointError("wrong key", status=401)


def test_generate_asks_for_the_letter_and_reads_it_strictly(mmlu_folder: Path, tmp_path: Path) -> None:
    def write(prompt: str) -> str:
        return "I think B" if "number 1?" in prompt else "(B)"

    model = ScriptedModel(writes=write)
    result = run(model, mmlu_folder, tmp_path / "out", method="generate")
    assert model.asked[0] == (
        "The following are multiple choice questions (with answers) about anatomy.\n\n"
        "Which bone is number 0?\nA. rib\nB. ulna\nC. tibia\nD. skull\n\n"
        "Answer with the letter of the right option and nothing else."
    )
    assert (result.metrics["rows_answered"], result.metrics["rows_unparsable"]) == (8, 1)
    assert result.metrics["acc"] == pytest.approx(4 / 8)
    assert (result.card["method"], result.card["shots"]) == ("generate", 0)


def test_free_text_is_generated(tmp_path: Path) -> None:
    row = {"question": "Can pigs fly?", "correct_answers": ["No"], "incorrect_answers": ["Yes"], "category": "Animals"}
    write_rows(tmp_path / "generation.jsonl", [row])
    model = ScriptedModel(writes=lambda prompt: "No.")
    result = run_task(GENERATION, model, Settings(data=tmp_path), tmp_path / "out", lambda line: None)  # type: ignore[arg-type]
    assert result.metrics["rouge1_acc"] == 1
    assert result.card["method"] == "generate"


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        (HELLASWAG, Settings(shots=2), "takes no 2 shots"),
        (LETTERS, Settings(shots=2, method="generate"), "takes no 2 shots"),
        (LETTERS, Settings(shots=-1), "takes no -1 shots"),
        (CLOZE, Settings(method="generate"), "no method generate"),
    ],
)
def test_settings_that_a_task_does_not_have(
    task: object, settings: Settings, message: str, mmlu_folder: Path, tmp_path: Path
) -> None:
    settings = Settings(settings.shots, method=settings.method, data=mmlu_folder)
    with pytest.raises(InputError, match=message):
        run_task(task, ScriptedModel(), settings, tmp_path / "out", lambda line: None)  # type: ignore[arg-type]


def test_a_real_model_through_the_command(
    smollm2: Path, mmlu_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bakeoff.cli import main

    arguments = ["--model", str(smollm2), "--shots", "1", "--limit", "4", "--data", str(mmlu_folder)]
    assert main(["benchmark", "mmlu", *arguments, "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "mmlu: 4 of 4 rows" in said
    assert "1 shots, 4 of 9 items, seed 0" in said
    assert main(["benchmark", "mmlu", *arguments, "--output", str(tmp_path / "out")]) == 0
    assert "4 of 4 items are answered already" in capsys.readouterr().out


def test_the_command_s_errors_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    from bakeoff.cli import main

    assert main(["benchmark", "list"]) == 0
    assert "hellaswag" in capsys.readouterr().out
    assert main(["benchmark", "chess", "--model", "a"]) == 1
    assert "no benchmark 'chess'" in capsys.readouterr().err
    assert main(["benchmark", "mmlu"]) == 1
    assert "give --model" in capsys.readouterr().err
