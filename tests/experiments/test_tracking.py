"""Results in Weights & Biases (offline) and MLflow (a file, a server), read back by the libraries themselves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import mlflow_server
from result_helpers import result_of

from bakeoff.errors import BakeoffError, InputError
from bakeoff.experiments import tracking
from bakeoff.experiments.result import to_json

RESULT = result_of({"bad & <b>": [0.0] * 15 + [1.0] * 5, "good": [1.0] * 20})
AGAIN = replace(RESULT, this_run=replace(RESULT.this_run, started="2026-11-24T00:00:00+00:00", rows_from_cache=20))
OTHER = result_of({"bad & <b>": [0.0] * 14 + [1.0] * 6, "good": [1.0] * 20})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "result"
    place.mkdir()
    (place / "result.json").write_text(to_json(RESULT))
    return place


def test_the_same_result_has_one_identity() -> None:
    assert tracking.run_id(RESULT) == tracking.run_id(AGAIN)
    assert tracking.run_id(RESULT) != tracking.run_id(OTHER)


def test_a_missing_package_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'bakeoff\[wandb\]'"):
        tracking.require("wandb")


def test_weights_and_biases_offline(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for result in (RESULT, AGAIN):
        assert tracking.log("wandb", result, folder) == f"bakeoff/{tracking.run_id(RESULT)}"
    (run,) = (folder / "wandb").glob("offline-run-*")
    assert run.name.endswith(tracking.run_id(RESULT))
    logged = records(next(run.glob("*.wandb")))
    summary = {key: value for record in logged for key, value in updates(record.summary.update)}
    assert summary["tiny/good/match"] == 1.0
    assert summary["tiny/bad & <b>/match"] == 0.25
    assert "good" in summary["tiny/verdict"]
    config = {key: value for record in logged for key, value in updates(record.run.config.update)}
    assert set(config["contenders"]) == {"good", "bad & <b>"}
    artifacts = [record.request.log_artifact.artifact for record in logged] + [record.artifact for record in logged]
    assert "result.json" in {entry.path for artifact in artifacts for entry in artifact.manifest.contents}


def updates(items: Any) -> Iterator[tuple[str, Any]]:
    for item in items:
        yield item.key or "/".join(item.nested_key), json.loads(item.value_json)


def records(path: Path) -> list[Any]:
    """What is in W&B's own log of a run."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    store = DataStore()
    store.open_for_scan(str(path))
    found = []
    while (data := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        found.append(record)
    return found


def check_mlflow(uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for result in (RESULT, AGAIN, OTHER):
        tracking.log("mlflow", result, folder)
    (experiment,) = mlflow.search_experiments(filter_string="name = 'bakeoff'")
    runs: list[Any] = mlflow.search_runs([experiment.experiment_id], output_format="list")
    assert sorted(run.info.run_name for run in runs) == sorted(["tiny", "tiny: bad & <b>", "tiny: good"] * 2)
    identity = tracking.run_id(RESULT)
    mine = {run.info.run_name: run for run in runs if run.data.tags["bakeoff.result"].startswith(identity)}
    assert mine["tiny: bad & <b>"].data.metrics["match"] == 0.25
    assert mine["tiny: good"].data.params["contender"] == "good"
    assert "good" in mine["tiny"].data.tags["verdict tiny"]
    assert mine["tiny: good"].data.tags["mlflow.parentRunId"] == mine["tiny"].info.run_id
    kept = mlflow.artifacts.download_artifacts(run_id=mine["tiny"].info.run_id, artifact_path="result.json")
    assert json.loads(Path(kept).read_text())["experiment"] == "tiny"


def test_mlflow_in_a_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_mlflow(f"sqlite:///{tmp_path / 'mlflow.db'}", folder, monkeypatch)


def test_mlflow_on_a_server(folder: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_mlflow(server, folder, monkeypatch)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with mlflow_server(tmp_path) as address:
        yield address


def test_a_server_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BakeoffError, match=r"logging to mlflow failed: .*result is in .*asks no model anew"):
        tracking.log("mlflow", RESULT, folder)
