from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import BakeoffError
from bakeoff.hosts.worker_plan import plan_workers
from bakeoff.serving import memory

FLOW = str(Path(__file__).parents[2] / "flows/chat")
GB = 1_000_000_000


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A folder that looks like a model with 2 GB of weights."""
    (tmp_path / "genai_config.json").write_text('{"model": {"decoder": {"filename": "model.onnx"}}}')
    with (tmp_path / "model.onnx").open("wb") as weights:
        weights.truncate(2 * GB)
    return str(tmp_path)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight cores and 16 GB free, and nothing set."""
    monkeypatch.setattr(memory, "cores", lambda: 8)
    monkeypatch.setattr(memory, "free", lambda: 16 * GB)
    for name in ("PF_WORKER_COUNT", "BAKEOFF_THREADS", "BAKEOFF_SHARED_MODEL"):
        monkeypatch.delenv(name, raising=False)


def run(model: str, **environment: str) -> dict[str, Any]:
    return {"flow": FLOW, "column_mapping": {"model": model}, "environment_variables": environment}


@pytest.mark.parametrize(
    ("environment", "rows", "workers", "threads"),
    [
        ({}, 100, "8", "1"),
        ({}, 3, "3", "2"),
        ({"PF_WORKER_COUNT": "5"}, 100, "5", "1"),
        ({"BAKEOFF_SHARED_MODEL": "0"}, 100, "6", "1"),
        ({"BAKEOFF_SHARED_MODEL": "0", "PF_WORKER_COUNT": "2"}, 100, "2", "4"),
        ({"BAKEOFF_THREADS": "3"}, 100, "8", "3"),
    ],
)
def test_cores_rows_and_memory_decide_unless_something_is_set(
    model: str, environment: dict[str, str], rows: int, workers: str, threads: str
) -> None:
    plan = plan_workers(run(model, **environment), rows)
    assert plan.environment == {"PF_WORKER_COUNT": workers, "BAKEOFF_THREADS": threads}
    assert plan.said.startswith(f"{workers} workers (")
    assert ("share one copy" in plan.said) == ("BAKEOFF_SHARED_MODEL" not in environment)


def test_the_environment_is_an_explicit_setting_and_the_run_file_wins(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PF_WORKER_COUNT", "6")
    assert plan_workers(run(model), 100).environment["PF_WORKER_COUNT"] == "6"
    assert plan_workers(run(model, PF_WORKER_COUNT="7"), 100).environment["PF_WORKER_COUNT"] == "7"


def test_no_room_is_an_error_with_figures(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BakeoffError, match=r"no room.* 8 workers .* each load .*: about 20\.\d of 16\.0 GB free"):
        plan_workers(run(model, BAKEOFF_SHARED_MODEL="0", PF_WORKER_COUNT="8"), 100)
    monkeypatch.setattr(memory, "free", lambda: 2 * GB)
    with pytest.raises(BakeoffError, match=r"no room.* 1 workers .* share one copy of .*: about 2\.\d of 2\.0 GB free"):
        plan_workers(run(model), 100)


def test_an_endpoint_takes_no_room() -> None:
    plan = plan_workers(run("openai:gpt"), 100)
    assert plan.said == "8 workers (one a core, as far as memory goes)"
