from pathlib import Path

import numpy as np
import pytest
from benchmarks_data import ScriptedModel, write_rows
from suite_rows import SUPER_GLUE_ROWS

from bakeoff.benchmarks.early_stop import ERROR_RATE, look, looks, rounds
from bakeoff.benchmarks.hellaswag import HELLASWAG
from bakeoff.benchmarks.items import Item
from bakeoff.benchmarks.registry import TASKS
from bakeoff.benchmarks.run import Settings, run_task
from bakeoff.errors import InputError


def test_looks_double_and_end_with_all() -> None:
    assert looks(500) == [64, 128, 256, 500]
    assert looks(64) == [64]
    items = [Item(f"{i}", "", "p", (), None) for i in range(300)]
    batches = rounds(items, seed=1)
    assert [len(batch) for batch in batches] == [64, 64, 128, 44]
    assert sorted(int(item.id) for batch in batches for item in batch) == list(range(300))
    assert batches != rounds(items, seed=2)


def test_all_items_leave_no_doubt_and_errors_do() -> None:
    assert (look(30, 70, 100, 100).low, look(30, 70, 100, 100).high) == (0.3, 0.3)
    assert (look(30, 60, 100, 100).low, look(30, 60, 100, 100).high) == (0.3, 0.4)


def test_the_interval_is_that_of_the_hypergeometric_tails() -> None:
    """Of 10 items 5 were asked, all right, one look: 5 to 10 right are possible; of R right, 5 of 5 drawn has the
    chance C(R, 5) / C(10, 5): 1/252 for 5, 6/252 for 6, 21/252 for 7 right, so 7 is the first above half of 5 %."""
    found = look(5, 0, 5, 10)
    assert (found.low, found.high) == (0.7, 1.0)


@pytest.mark.parametrize(("total", "accuracy", "within"), [(900, 0.25, 0.06), (900, 0.5, 0.04), (400, 0.9, 0.03)])
def test_a_stop_is_wrong_in_at_most_the_error_rate(total: int, accuracy: float, within: float) -> None:
    """400 runs each: the interval that a run stops with holds the accuracy of all items."""
    rng = np.random.default_rng(0)
    right = round(total * accuracy)
    wrong_stops, early = 0, 0
    for _ in range(400):
        answers = rng.permutation(np.arange(total) < right)
        for asked in looks(total):
            hits = int(answers[:asked].sum())
            found = look(hits, asked - hits, asked, total)
            if found.half_width <= within:
                wrong_stops += not found.low <= right / total <= found.high
                early += asked < total
                break
    assert early > 200
    assert wrong_stops / 400 <= ERROR_RATE


def test_a_run_that_stops_early(tmp_path: Path) -> None:
    rows = [
        {"activity_label": "a", "ctx_a": f"Step {i}.", "ctx_b": "", "endings": ["x", "y", "z", "w"], "label": i % 4}
        for i in range(800)
    ]
    write_rows(tmp_path / "validation.jsonl", rows)
    said: list[str] = []
    model = ScriptedModel(lambda prompt, choice: float(choice == " y"))
    result = run_task(HELLASWAG, model, Settings(data=tmp_path, stop_within=0.1), tmp_path / "out", said.append)  # type: ignore[arg-type]
    assert (
        result.card["n"] == result.metrics["acc_rows_expected"] < len(set(model.asked)) < 800
    )  # some to tell the time
    assert result.metrics["acc_all_ci_low"] <= 0.25 <= result.metrics["acc_all_ci_high"]
    assert result.metrics["acc_all_ci_high"] - result.metrics["acc_all_ci_low"] <= 0.2
    assert any("of 800 items: acc of all of them is" in line for line in said)
    again = ScriptedModel(lambda prompt, choice: float(choice == " y"))
    whole = run_task(HELLASWAG, again, Settings(data=tmp_path), tmp_path / "out", said.append)  # type: ignore[arg-type]
    assert len(again.asked) == 800 - len(set(model.asked))
    assert whole.metrics["acc"] == 0.25
    assert any("items will take about" in line for line in said)


@pytest.mark.parametrize("width", [0.0, 0.5, -1.0])
def test_a_width_that_stops_nothing(width: float, tmp_path: Path) -> None:
    row = {"activity_label": "a", "ctx_a": "Step.", "ctx_b": "", "endings": ["x", "y", "z", "w"], "label": 0}
    write_rows(tmp_path / "validation.jsonl", [row])
    with pytest.raises(InputError, match="take a number between 0 and"):
        run_task(HELLASWAG, ScriptedModel(), Settings(data=tmp_path, stop_within=width), tmp_path / "out", print)  # type: ignore[arg-type]


def test_items_that_are_scored_together_have_no_early_stop(tmp_path: Path) -> None:
    write_rows(tmp_path / "multirc.jsonl", SUPER_GLUE_ROWS["multirc"])
    with pytest.raises(InputError, match="has no early stop"):
        run_task(
            TASKS["super_glue_multirc"],
            ScriptedModel(),  # type: ignore[arg-type]
            Settings(data=tmp_path, stop_within=0.1),
            tmp_path / "out",
            print,
        )
