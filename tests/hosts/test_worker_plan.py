from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.errors import BakeoffError
from bakeoff.hosts.worker_plan import plan_workers
from bakeoff.serving import memory

ROOT = Path(__file__).parents[2]
FLOW = str(ROOT / "flows/chat")
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


@pytest.mark.parametrize("evaluation", ["judge", "rag"])
def test_a_local_judge_takes_room_and_one_behind_a_connection_does_not(
    model: str, evaluation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = ROOT / "evaluations" / evaluation
    judged = {"flow": str(flow), "column_mapping": {"judge": model}}
    name = Path(model).name
    assert f"share one copy of {name}: about 4.0 of 16.0 GB free" in plan_workers(judged, 100).said
    alone = judged | {"environment_variables": {"BAKEOFF_SHARED_MODEL": "0"}}
    assert plan_workers(alone, 100).environment["PF_WORKER_COUNT"] == "6"
    for_cloud = judged | {"connections": {"judge_line": {"connection": "azure_openai"}}}
    assert plan_workers(for_cloud, 100).said == "8 workers (one a core, as far as memory goes)"
    monkeypatch.setattr(memory, "free", lambda: 2 * GB)
    with pytest.raises(BakeoffError, match=rf"no room.* share one copy of {name}: about 2\.\d of 2\.0 GB free"):
        plan_workers(judged, 100)


def test_a_model_and_another_judge_both_take_room(model: str, tmp_path: Path) -> None:
    judge, flow = tmp_path / "judge", tmp_path / "flow"
    judge.mkdir()
    for path in Path(model).glob("*.*"):
        (judge / path.name).hardlink_to(path)
    flow.mkdir()
    nodes = [{"name": name, "inputs": {name: f"${{inputs.{name}}}"}} for name in ("model", "judge")]
    inputs = {"model": {"type": "string"}, "judge": {"type": "string"}}
    (flow / "flow.dag.yaml").write_text(yaml.safe_dump({"inputs": inputs, "nodes": nodes}))
    both = {"flow": str(flow), "column_mapping": {"model": model, "judge": str(judge)}}
    said = plan_workers(both, 100).said
    assert f"share one copy of {Path(model).name} and of judge: about 6.9 of 16.0 GB free" in said
    same = both | {"column_mapping": {"model": model, "judge": model}}
    assert f"share one copy of {Path(model).name}: about 4.0 of" in plan_workers(same, 100).said
    one_remote = both | {"connections": {"judge": {"connection": "azure_openai"}}}
    assert f"share one copy of {Path(model).name}: about 4.0 of" in plan_workers(one_remote, 100).said
