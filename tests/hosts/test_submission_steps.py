"""What a pipeline does between its parallel steps: rows come out as if they had never been split.

BAKEOFF_TEST_ROWS=100000 takes as many (a minute of CPU; 20,000 without it).
"""

import json
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import BakeoffError, InputError
from bakeoff.hosts.submission.steps.__main__ import main
from bakeoff.hosts.submission.steps.join import join
from bakeoff.hosts.submission.steps.line_files import FlowOutputs
from bakeoff.hosts.submission.steps.merge import merge
from bakeoff.hosts.submission.steps.split import split
from bakeoff.metrics import multiple_choice

EVALUATION = Path(__file__).parents[2] / "evaluations/multiple_choice"
ROWS, MINI_BATCH = int(os.environ.get("BAKEOFF_TEST_ROWS", "20000")), 1_000
LOST = 17


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _parallel(
    data: Path, outputs: Path, flow: Callable[[Mapping[str, Any]], dict[str, Any]], lost: int | None = None
) -> None:
    """Mini-batches in no order, by two processes with a file each; one is tried again, and one may be lost."""
    rows = _lines(data / "rows.jsonl")
    order = list(range(0, len(rows), MINI_BATCH))
    random.Random(7).shuffle(order)
    outputs.mkdir()
    with (outputs / "a.jsonl").open("w") as first, (outputs / "b.jsonl").open("w") as second:
        for start in [*order, order[0]]:
            if start != lost:
                for row in rows[start : start + MINI_BATCH]:
                    line = {"line_number": row["line_number"], **flow(row)}
                    (first if start % 3 else second).write(json.dumps(line) + "\n")


def _choose(row: Mapping[str, Any]) -> dict[str, Any]:
    """A cheap flow: by the question's number, right in two of three rows, and no answer to every hundredth."""
    number = int(row["question"])
    finish = "error" if number % 100 == 0 else "stop"
    choice = row["label"] if number % 3 else 3
    logprobs = [-1.0, -2.0, -3.0, -1.5] if number % 10 == 0 else []
    completion = {"finish_reason": finish, "total_time": 0.5}
    return {"choice": choice, "answer": "ABCD"[choice], "logprobs": logprobs, "completion": completion}


def _score(row: Mapping[str, Any]) -> dict[str, Any]:
    outputs = {name: row[f"run.outputs.{name}"] for name in ("choice", "answer", "logprobs", "completion")}
    scored = multiple_choice.score_row(**outputs, label=row["label"], category=row["category"], row_id=row["id"])
    return {"outcome": scored["outcome"], "row": scored}


def test_rows_in_mini_batches_give_the_metrics_of_a_run_that_was_not_split(tmp_path: Path) -> None:
    data = [
        {"id": f"q{number}", "question": str(number), "label": number % 4, "category": f"c{number % 5}"}
        for number in range(ROWS)
    ]
    half = ROWS // 2
    _write(tmp_path / "data/part-1.jsonl", data[:half])
    _write(tmp_path / "data/part-2.jsonl", data[half:])
    lost = LOST * MINI_BATCH
    split(tmp_path / "data", tmp_path / "rows")
    _parallel(tmp_path / "rows", tmp_path / "outputs", _choose, lost)
    join(tmp_path / "rows", tmp_path / "outputs", tmp_path / "joined")
    _parallel(tmp_path / "joined", tmp_path / "scores", _score)
    merge(tmp_path / "rows", tmp_path / "outputs", tmp_path / "results", tmp_path / "scores", EVALUATION)

    rows = _lines(tmp_path / "results/rows.jsonl")
    assert [row["inputs"] for row in rows] == data
    assert [row["line"] for row in rows if row["outputs"] is None] == list(range(lost, lost + MINI_BATCH))
    arrived = [row for number, row in enumerate(data) if not lost <= number < lost + MINI_BATCH]
    assert [row["outputs"] for row in rows if row["outputs"]] == [_choose(row) for row in arrived]
    unsplit = [_score(row | {f"run.outputs.{k}": v for k, v in _choose(row).items()})["row"] for row in arrived]
    metrics = json.loads((tmp_path / "results/metrics.json").read_text(encoding="utf-8"))
    assert metrics == multiple_choice.aggregate(unsplit, ROWS)
    assert metrics["rows_expected"] == ROWS
    assert metrics["rows_missing"] == MINI_BATCH
    assert 0.7 < metrics["accuracy"] < 0.8


def test_outputs_are_read_as_promptflow_parallel_writes_them(tmp_path: Path) -> None:
    """It puts them below `output`; a flow may have an output of that name."""
    lines = [{"output": {"line_number": 1, "answer": "b"}}, {"line_number": 0, "output": {"answer": "a"}}]
    with FlowOutputs(_write(tmp_path / "parallel_run_step.jsonl", lines)) as outputs:
        assert [outputs.of(row) for row in range(3)] == [{"output": {"answer": "a"}}, {"answer": "b"}, None]


def test_images_go_along_with_the_rows(tmp_path: Path) -> None:
    _write(tmp_path / "data/rows.jsonl", [{"image": {"data:image/png;path": "images/a.png"}}])
    (tmp_path / "data/images").mkdir()
    (tmp_path / "data/images/a.png").write_bytes(b"a picture")
    split(tmp_path / "data", tmp_path / "rows")
    outputs = _write(tmp_path / "outputs.jsonl", [{"line_number": 0, "answer": "a cat"}])
    join(tmp_path / "rows", outputs, tmp_path / "joined")
    assert (tmp_path / "joined/images/a.png").read_bytes() == b"a picture"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1}\n{"a": \n', "rows.jsonl, line 2: is not valid JSON"),
        ('{"a": 1}\n\n[1]\n', "rows.jsonl, line 3: is not a JSON object"),
        ('{"line_number": 1}\n', "rows.jsonl: has a column 'line_number'"),
        ("\n", "has no rows"),
    ],
)
def test_what_is_no_row_is_named_before_a_model_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(content, encoding="utf-8")
    assert main(["split", "--data", str(tmp_path / "rows.jsonl"), "--rows", str(tmp_path / "rows")]) == 1
    assert said in capsys.readouterr().err


def test_a_run_without_outputs_or_scores_is_an_error(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    split(_write(tmp_path / "data.jsonl", [{"id": "1"}]), rows)
    (tmp_path / "outputs").mkdir()
    with pytest.raises(InputError, match="holds no outputs: no mini-batch went through"):
        join(rows, tmp_path / "outputs", tmp_path / "joined")
    outputs = _write(tmp_path / "outputs.jsonl", [{"line_number": 0}])
    with pytest.raises(BakeoffError, match="no row was scored"):
        merge(rows, outputs, tmp_path / "results", _write(tmp_path / "scores.jsonl", []), EVALUATION)
