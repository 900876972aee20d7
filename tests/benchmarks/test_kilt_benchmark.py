import json
from pathlib import Path

import pytest
from benchmarks_data import ScriptedModel, write_rows

from bakeoff.benchmarks.kilt import read_guesses
from bakeoff.benchmarks.registry import TASKS
from bakeoff.benchmarks.run import Result, Settings, run_task, score_records
from bakeoff.errors import InputError

CONFORMANCE = Path(__file__).parents[3] / "shared/benchmarks/kilt/conformance"
OFFICIAL = {
    "em": "exact_match",
    "f1": "f1",
    "rougel": "rouge_l",
    "KILT-em": "kilt_exact_match",
    "KILT-f1": "kilt_f1",
    "KILT-rougel": "kilt_rouge_l",
    "Rprec": "r_precision",
    "recall@5": "recall_at_5",
    "precision@1": "precision_at_1",
    "success_rate@5": "success_rate_at_5",
}
GOLD = [
    {
        "id": "q1",
        "input": "Who keeps bees?",
        "output": [{"answer": "Mara", "provenance": [{"wikipedia_id": "7"}]}, {"answer": "Mara Berg"}],
    },
    {"id": 2, "input": "Who builds hives?", "output": [{"answer": "Jan", "provenance": [{"wikipedia_id": "9"}]}]},
]


def guessed(gold: Path, guess: Path, task: str, folder: Path) -> Result:
    folder.mkdir()
    name = task.removeprefix("kilt_")
    (folder / f"{name}.jsonl").write_bytes(gold.read_bytes())
    return score_records(TASKS[task], *read_guesses(guess), Settings(data=folder), folder / "out")


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="KILT's conformance files are not on this machine")
def test_kilt_s_own_tests(tmp_path: Path) -> None:
    expected = json.loads((CONFORMANCE / "expected.json").read_text())
    checked = 0
    for number, case in enumerate(expected["downstream"] + expected["retrieval"]):
        wanted = case["expected"]
        flat = {k: v for part in wanted.values() for k, v in part.items()} if "downstream" in wanted else wanted
        for task in ("kilt_hotpotqa", "kilt_wow"):
            result = guessed(
                CONFORMANCE / case["gold"], CONFORMANCE / case["guess"], task, tmp_path / f"{number}{task}"
            )
            for name, figure in flat.items():
                if (ours := OFFICIAL.get(name)) in result.metrics:
                    assert result.metrics[ours] == figure, (case["guess"], name)
                    checked += 1
    assert checked > 30


def test_a_guess_without_its_page_earns_no_kilt_score(tmp_path: Path) -> None:
    guesses = [
        {"id": "q1", "output": [{"answer": "mara", "provenance": [{"wikipedia_id": "8"}, {"wikipedia_id": "7"}]}]},
        {"id": "2", "output": [{"answer": "Jan", "provenance": [{"wikipedia_id": "9"}]}]},
    ]
    write_rows(tmp_path / "gold.jsonl", GOLD)
    write_rows(tmp_path / "guesses.jsonl", guesses)
    result = guessed(tmp_path / "gold.jsonl", tmp_path / "guesses.jsonl", "kilt_nq", tmp_path / "data")
    assert (result.metrics["exact_match"], result.metrics["kilt_exact_match"]) == (1, 0.5)
    assert (result.metrics["r_precision"], result.metrics["recall_at_5"]) == (0.5, 1)
    assert result.card["model"]["provider"] == "guesses"


def test_a_missing_guess_is_not_a_wrong_answer(tmp_path: Path) -> None:
    write_rows(tmp_path / "gold.jsonl", GOLD)
    write_rows(tmp_path / "guesses.jsonl", [{"id": "q1", "output": [{"answer": "Mara"}]}])
    metrics = guessed(tmp_path / "gold.jsonl", tmp_path / "guesses.jsonl", "kilt_nq", tmp_path / "data").metrics
    assert (metrics["exact_match"], metrics["exact_match_coverage"], metrics["rows_errored"]) == (1, 0.5, 1)


def test_a_model_from_memory_has_no_kilt_score(tmp_path: Path) -> None:
    write_rows(tmp_path / "fever-dev-kilt.jsonl", GOLD)
    model = ScriptedModel(writes=lambda prompt: "Mara")
    metrics = run_task(TASKS["kilt_fever"], model, Settings(data=tmp_path), tmp_path / "out", lambda line: None).metrics  # type: ignore[arg-type]
    assert metrics["accuracy"] == 0.5
    assert (metrics["kilt_accuracy_rows_expected"], metrics["r_precision_rows_expected"]) == (0, 0)
    assert model.asked[0].endswith("\n\nClaim: Who builds hives?")


def test_bad_guesses(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_guesses(tmp_path / "none.jsonl")
    write_rows(tmp_path / "twice.jsonl", [{"id": "a", "output": [{"answer": "x"}]}] * 2)
    with pytest.raises(InputError, match="appears twice"):
        read_guesses(tmp_path / "twice.jsonl")
    with pytest.raises(InputError, match="give a folder"):
        run_task(TASKS["kilt_nq"], ScriptedModel(), Settings(), tmp_path, lambda line: None)  # type: ignore[arg-type]


def test_the_command_scores_guesses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bakeoff.cli import main

    write_rows(tmp_path / "nq.jsonl", GOLD)
    write_rows(tmp_path / "mine.jsonl", [{"id": one, "output": [{"answer": "Mara"}]} for one in ("q1", "2")])
    arguments = ["--data", str(tmp_path), "--guesses", str(tmp_path / "mine.jsonl"), "--output", str(tmp_path / "out")]
    assert main(["benchmark", "kilt_nq", *arguments]) == 0
    assert "exact match" in capsys.readouterr().out
    assert main(["benchmark", "mmlu", *arguments]) == 1
    assert "--guesses are KILT's" in capsys.readouterr().err
