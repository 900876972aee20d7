"""`bakeoff submit --scale` against the cloud on this machine, whose steps run what was uploaded for them."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from control_plane import SCOPE, Request
from loopback_cloud import Cloud

ROWS = [
    {"id": "1", "question": "Hi", "chat_history": [], "ground_truth": "You said Hi", "aliases": [], "category": "a"},
    {"id": "2", "question": "Bye", "chat_history": [], "ground_truth": "Paris", "aliases": [], "category": "a"},
    {"id": "3", "question": "HTTP 400", "chat_history": [], "ground_truth": "Rome", "aliases": [], "category": "b"},
    {"id": "4", "question": "You", "chat_history": [], "ground_truth": "You said You", "aliases": [], "category": "b"},
    {"id": "5", "question": "Oh", "chat_history": [], "ground_truth": "you said oh", "aliases": [], "category": "b"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
SUBMIT = (
    "submit",
    "flows/chat",
    "--model",
    "my-deployment",
    "--scale",
    "--compute",
    "cpu-cluster",
    "--mini-batch",
    "2",
)
DATASTORE = "azureml://datastores/workspaceblobstore/paths"
JOB = f"{SCOPE}/jobs/chat_scale_[0-9a-f]+"


def test_a_pipeline_goes_through_and_is_not_submitted_twice(cloud: Cloud, tmp_path: Path) -> None:
    """Over a data asset of the workspace. The command is killed when the service has just taken the job, then left
    alone."""
    cloud.compute.container.upload_blob("questions/chat.jsonl", LINES)
    cloud.plane.assets.versions["data/questions/versions/1"] = {"dataUri": f"{DATASTORE}/questions/"}
    command = (*SUBMIT, "--evaluate", "--data", "azureml:questions:1", "--output", tmp_path)
    first = len(cloud.plane.requests)
    cloud.plane.on_answer = _kill_at(cloud, JOB)
    assert cloud.bakeoff(*command).status == -signal.SIGKILL
    cloud.plane.on_answer = lambda request: None
    done = cloud.bakeoff(*command)
    assert done.status == 0, f"{done.said}\n{cloud.pipelines.errors}"
    (results,) = tmp_path.glob("chat_scale_*")
    put = [request.path for request in cloud.plane.requests[first:] if request.method == "PUT"]
    assert [path for path in put if "/jobs/" in path] == [f"{SCOPE}/jobs/{results.name}"]
    components = [path.split("/")[-3] for path in put if "/components/" in path]
    assert sorted(components) == [f"bakeoff_{step}" for step in ("chat", "chat_eval", "join", "merge", "split")]

    _check_job(cloud.plane.assets.jobs[results.name]["jobs"])
    rows = [json.loads(line) for line in (results / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["inputs"] for row in rows] == ROWS
    assert [row["outputs"]["answer"] for row in rows] == [
        "You said Hi",
        "You said Bye",
        "",
        "You said You",
        "You said Oh",
    ]
    assert rows[2]["outputs"]["completion"]["finish_reason"] == "error"
    scores = [json.loads(line)["outputs"] for line in (results / "scores.jsonl").read_text("utf-8").splitlines()]
    assert [score["outcome"] for score in scores] == ["answered", "answered", "errored", "answered", "answered"]
    metrics = json.loads((results / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["exact_match"] == 0.75
    assert metrics["exact_match_coverage"] == 0.8
    assert metrics["rows_expected"] == 5
    assert re.search(r"exact match +0\.75 ", done.said)


def test_a_failed_pipeline_is_repeated_when_asked(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a file, which is uploaded."""
    data = tmp_path / "chat.jsonl"
    data.write_text(LINES, encoding="utf-8")
    before = set(cloud.plane.assets.jobs)
    monkeypatch.setattr(cloud.compute, "fails", "There is no quota left.")
    done = [cloud.bakeoff(*SUBMIT, "--evaluate", "--data", data, *more) for more in ((), ("--again",))]
    first, second = sorted(set(cloud.plane.assets.jobs) - before)
    assert second == f"{first}_2"
    for one, name in zip(done, (first, second), strict=True):
        assert one.status == 1
        assert f"submitted: {name} " in one.said
        assert f"error: the pipeline {name} is Failed: its page says which step failed and why" in one.said
    jobs = [cloud.plane.assets.jobs[name] for name in (first, second)]
    assert [job["settings"]["force_rerun"] for job in jobs] == [False, True]
    for job in jobs:
        (given,) = job["inputs"].values()
        assert cloud.pipelines.fetched(given["uri"], tmp_path / "sent").read_bytes() == data.read_bytes()


def _check_job(steps: dict[str, dict[str, object]]) -> None:
    """What was asked for is what the service was told."""
    assert list(steps) == ["split", "flow", "join", "evaluation", "merge"]
    for name in ("flow", "evaluation"):
        step = steps[name]
        assert step["mini_batch_size"] == 2
        assert step["resources"] == {"instance_count": 2}
        assert step["max_concurrency_per_instance"] == 2
        assert step["retry_settings"] == {"max_retries": 3, "timeout": 600}
        assert step["error_threshold"] == step["mini_batch_error_threshold"] == -1
    assert steps["flow"]["componentId"] != steps["evaluation"]["componentId"]


def _kill_at(cloud: Cloud, path: str) -> Callable[[Request], None]:
    def kill(request: Request) -> None:
        if request.method == "PUT" and re.fullmatch(path, request.path):
            cloud.plane.on_answer = lambda request: None
            os.kill(cloud.client.pid, signal.SIGKILL)

    return kill
