"""`bakeoff run`'s batches through the real Prompt Flow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml

from bakeoff.errors import BakeoffError, InputError
from bakeoff.hosts.promptflow_batch import run_batch

ROOT = Path(__file__).parents[2]
ROWS = [json.loads(line) for line in (ROOT / "data/chat/questions.jsonl").open(encoding="utf-8")][:3]


@pytest.fixture(autouse=True)
def prompt_flow_home(pf, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(pf.home))


def run_file(folder: Path, flow: str, content: str) -> Path:
    """The run file of a flow of this project with other data."""
    specification = yaml.safe_load((ROOT / flow / "run.yaml").read_text(encoding="utf-8"))
    (folder / "data.jsonl").write_text(content, encoding="utf-8")
    (folder / "run.yaml").write_text(yaml.safe_dump(specification | {"flow": str(ROOT / flow), "data": "data.jsonl"}))
    return folder / "run.yaml"


def json_lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_flow_and_its_evaluation(tmp_path: Path, smollm2: Path) -> None:
    lines: list[str] = []
    file = run_file(tmp_path, "flows/chat", json_lines(ROWS))
    base = run_batch(file, "batch_base", inputs={"model": str(smollm2)}, base=None, report=lines.append)
    assert (base.completed, base.failed, base.metrics) == (3, 0, {})
    assert lines[-1] == "  3 of 3 rows"
    file = run_file(tmp_path, "evaluations/chat", json_lines(ROWS))
    scored = run_batch(file, "batch_scored", inputs={}, base=base.name, report=lines.append)
    assert scored.metrics["rows_expected"] == scored.metrics["exact_match_rows_scored"] == 3


def test_no_row_came_through(tmp_path: Path) -> None:
    file = run_file(tmp_path, "flows/chat", json_lines(ROWS[:1]))
    with pytest.raises(BakeoffError, match="all 1 rows of the run batch_failed failed.*no model 'nowhere'"):
        run_batch(file, "batch_failed", inputs={"model": "nowhere"}, base=None, report=print)


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    file = run_file(tmp_path, "evaluations/chat", json_lines(ROWS[:1]))
    with pytest.raises(BakeoffError, match="batch_no_base"):
        run_batch(file, "batch_no_base", inputs={}, base="there_is_no_such_run", report=print)


def test_malformed_data_is_named_before_anything_runs(tmp_path: Path) -> None:
    file = run_file(tmp_path, "flows/chat", json_lines(ROWS[:1]) + '{"question": \n')
    with pytest.raises(InputError, match="line 2"):
        run_batch(file, "batch_malformed", inputs={}, base=None, report=print)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.yaml does not exist"):
        run_batch(tmp_path / "run.yaml", "batch_nothing", inputs={}, base=None, report=print)
    file = run_file(tmp_path, "flows/chat", "")
    (tmp_path / "data.jsonl").unlink()
    with pytest.raises(InputError, match=r"data .*data\.jsonl does not exist"):
        run_batch(file, "batch_no_data", inputs={}, base=None, report=print)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupted_run_leaves_no_worker_behind(smollm2: Path) -> None:
    command = [sys.executable, "-m", "bakeoff.cli", "run", str(ROOT / "flows/chat"), "--model", str(smollm2)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    for line in process.stdout:
        if "of 196 rows" in line:
            break
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("multiprocessing" in " ".join(member.cmdline()) for member in family)
    process.terminate()
    assert process.wait(timeout=30) == 130
    assert not psutil.wait_procs(family, timeout=30)[1]
