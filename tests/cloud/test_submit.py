"""`bakeoff submit` against the cloud on this machine."""

import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from cloud_runs import PATIENCE
from control_plane import FLOW_SERVICE, SCOPE, Request
from loopback_cloud import ROOT, Cloud
from warm_python import Done

from bakeoff import catalog

CHAT = [
    {"id": "1", "question": "Hi", "chat_history": [], "ground_truth": "You said Hi", "aliases": [], "category": "a"},
    {"id": "2", "question": "Bye", "chat_history": [], "ground_truth": "Paris", "aliases": [], "category": "a"},
]


@pytest.fixture(scope="module", autouse=True)
def _sources_stay_as_they_are(cloud: Cloud) -> Iterator[None]:
    """Nothing in this file may change a byte of what is submitted, or add a file."""
    before = _digests(cloud.bundle)
    yield
    assert _digests(cloud.bundle) == before


@pytest.fixture
def submit(cloud: Cloud, tmp_path: Path) -> Iterator[Any]:
    """Submit a flow with its evaluation; results lie in `tmp_path`."""

    def submit(flow: Path | str, *more: str | Path, env: dict[str, str] | None = None) -> Done:
        return cloud.bakeoff("submit", flow, "--model", "my-deployment", *more, "--output", tmp_path, env=env)

    yield submit
    cloud.plane.on_answer = lambda request: None


def test_chat_goes_through_whatever_kills_it(cloud: Cloud, submit: Any, tmp_path: Path) -> None:
    """The command is killed when the service has just dealt with one request after the other, then left alone."""
    data = _write(tmp_path / "chat.jsonl", CHAT)
    command = ("flows/chat", "--data", data, "--evaluate")
    before = len(cloud.plane.submissions)

    def killed_at(moment: str, path: str, nth: int = 1) -> None:
        cloud.plane.on_answer = _kill_at(cloud, path, nth)
        done = submit(*command)
        assert done.status == -signal.SIGKILL, f"{moment}: {done.said}"

    uploaded, submitted = f"{FLOW_SERVICE}/TraceSessions", f"{FLOW_SERVICE}/BulkRuns/submit"
    with _nothing_runs(cloud):
        killed_at("login is done", f"{SCOPE}/datastores/workspaceblobstore/listSecrets")
        killed_at("all is uploaded", uploaded)
        killed_at("the run is there", submitted)
        killed_at("it waits", f"/history/v1.0{SCOPE}/rundata", nth=3)
    killed_at("it has the rows", f"{FLOW_SERVICE}/BulkRuns/chat_[0-9a-f]*/childRuns")
    killed_at("the evaluation is uploaded", uploaded)
    killed_at("the evaluation is there", submitted)
    killed_at("it has the metrics", f"/metric/v2.0{SCOPE}/runs/chat_eval_[0-9a-f]*/lastvalues")
    assert not list(tmp_path.glob("*/metrics.json"))
    done = submit(*command)
    assert done.status == 0, done.said
    base, evaluation = cloud.plane.submissions[before:]
    assert evaluation["variantRunId"] == base["runId"]
    _check_results(done, tmp_path / base["runId"])
    _check_snapshot(cloud, base["runId"], data)


def _check_results(done: Done, folder: Path) -> None:
    assert "2 rows expected: 2 answered" in done.said
    assert re.search(r"exact match +0\.5 ", done.said)
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["outputs"]["answer"] for row in rows] == ["You said Hi", "You said Bye"]
    scores = [json.loads(line) for line in (folder / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [score["outputs"]["exact_match"] for score in scores] == [1, 0]
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["exact_match"] == 0.5
    assert metrics["rows_expected_known"] == 1


def _check_snapshot(cloud: Cloud, run: str, data: Path) -> None:
    """What a dry run prints is what was uploaded."""
    env = {name: "" for name in os.environ if name.startswith("AZURE")} | {"HTTPS_PROXY": "http://127.0.0.1:9"}
    arguments = ("--model", "my-deployment", "--data", data, "--dry-run")
    dry = cloud.bakeoff("submit", "flows/chat", *arguments, env=env)
    assert dry.status == 0, dry.said
    assert f"run {run}\n" in dry.said
    printed = {
        path: int(size.replace(",", "")) for size, path in re.findall(r"^ {4} +([\d,]+)  (\S+)$", dry.said, re.M)
    }
    snapshot = cloud.compute.folder / run / "snapshot"
    sent = {p.relative_to(snapshot).as_posix(): p.stat().st_size for p in snapshot.rglob("*") if p.is_file()}
    assert printed == sent | {data.name: data.stat().st_size}


def test_a_failed_run_says_why_and_is_repeated_only_when_asked(
    cloud: Cloud, submit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where run history does not show it at first: the service takes a name once (HTTP 409)."""
    data = _write(tmp_path / "again.jsonl", [{"question": "Hi", "chat_history": []}])
    before = set(cloud.compute.runs)
    monkeypatch.setattr(cloud.compute, "fails", "There is no quota left.")
    done = [submit("flows/chat", "--data", data)]
    cloud.plane.history_lags = 1
    done += [submit("flows/chat", "--data", data, *more) for more in ((), ("--again",))]
    first, second = sorted(set(cloud.compute.runs) - before)
    assert second == f"{first}_2"
    assert [body["runId"] for body in cloud.plane.submissions[-3:]] == [first, first, second]
    for one, name in zip(done, (first, first, second), strict=True):
        assert one.status == 1
        assert f"error: the run {name} is Failed: There is no quota left." in one.said


def test_rag_and_vision_go_through_side_by_side(submit: Any, tmp_path: Path) -> None:
    catalog.ensure("all-minilm-l6-v2", print)
    flows = {"flows/rag": _questions(tmp_path / "rag.jsonl"), "flows/vision": _pictures(tmp_path / "questions")}
    with ThreadPoolExecutor(len(flows)) as pool:
        done = list(pool.map(lambda flow: submit(flow, "--data", flows[flow], "--evaluate"), flows))
    for one in done:
        assert one.status == 0, one.said
    passages = [{passage["document"] for passage in row["passages"]} for row in _outputs(tmp_path, "rag")]
    assert any(name.endswith("baggage-domestic-flights.md") for name in passages[0])
    assert all(row["answer"] for row in _outputs(tmp_path, "rag"))
    assert all("data:image/png;base64," in row["answer"] for row in _outputs(tmp_path, "vision"))


def _questions(table: Path) -> Path:
    lines = (ROOT / "data/rag/questions.jsonl").read_text(encoding="utf-8").splitlines()[:2]
    return _write(table, [json.loads(line) for line in lines])


def _pictures(folder: Path) -> Path:
    """Questions in a folder with their images."""
    lines = (ROOT / "data/vision/questions/input.jsonl").read_text(encoding="utf-8").splitlines()[:2]
    rows = [json.loads(line) for line in lines]
    (folder / "images").mkdir(parents=True)
    for row in rows:
        (name,) = row["image"].values()
        shutil.copy(ROOT / "data/vision/questions" / name, folder / "images")
    _write(folder / "input.jsonl", rows)
    return folder


def _outputs(folder: Path, flow: str) -> list[dict[str, Any]]:
    """Those of a run of two rows whose evaluation found an answer in each."""
    (results,) = folder.glob(f"{flow}_*")
    metrics = json.loads((results / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["rows_expected"] == metrics["rows_answered"] == 2
    return [json.loads(line)["outputs"] for line in (results / "rows.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("connections", set(), "the workspace has no connection 'azure_openai', which .*run.azure.yaml names: create"),
        ("has_datastore", False, "the workspace test-workspace in test-group .* has no default datastore"),
    ],
)
def test_what_the_workspace_lacks_is_named(
    cloud: Cloud, submit: Any, monkeypatch: pytest.MonkeyPatch, attribute: str, value: object, said: str
) -> None:
    before = len(cloud.plane.submissions)
    monkeypatch.setattr(cloud.plane, attribute, value)
    done = submit("flows/chat")
    assert done.status == 1
    assert re.search(f"error: {said}", done.said)
    assert len(cloud.plane.submissions) == before


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        ((), {"AZURE_CLIENT_SECRET": "wrong"}, "not logged in to Azure: run `az login`"),
        (("-w", "other"), {}, "the workspace other in test-group .*: it does not exist"),
        ((), {"AZUREML_ARM_WORKSPACE_NAME": ""}, r"Missing: --workspace-name \(or AZUREML_ARM_WORKSPACE_NAME\)"),
    ],
)
def test_what_is_missing_in_azure_is_named(
    cloud: Cloud, submit: Any, arguments: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    before = len(cloud.plane.submissions)
    done = submit("flows/chat", *arguments, env=env)
    cloud.plane.wrong.clear()
    assert done.status == 1
    assert re.search(f"error: .*{said}", done.said)
    assert "Traceback" not in done.said
    assert len(cloud.plane.submissions) == before


@contextmanager
def _nothing_runs(cloud: Cloud) -> Iterator[None]:
    """What is submitted begins at the end of the block."""
    free = Event()
    cloud.compute.do(free.wait)
    cloud.plane.patience = 0
    try:
        yield
    finally:
        cloud.plane.patience = PATIENCE
        free.set()


def _kill_at(cloud: Cloud, path: str, nth: int) -> Callable[[Request], None]:
    """Kill the command when that path is answered for the nth time."""
    answered = count(1)

    def kill(request: Request) -> None:
        if re.search(f"{path}$", request.path) and next(answered) == nth:
            cloud.plane.on_answer = lambda request: None
            os.kill(cloud.client.pid, signal.SIGKILL)

    return kill


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
