"""experiments/cloud_vs_local.yaml as it is shipped, its registered connection leading to a loopback endpoint."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripted_server import KEY, ROLE, USAGE, Handler, Reply, Request, chunk, scripted_server, send, sse

from bakeoff.experiments.definition import load_experiment
from bakeoff.hosts.experiment_rows import read_task_rows

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "experiments/cloud_vs_local.yaml"
CLOUD, LOCAL = "gpt-4o-mini", "smollm2"
LIMIT = 3


@dataclass
class Bundle:
    """folder: its cache and reports, the first one in `first`. said: by that run. requests: what the endpoint got."""

    folder: Path
    said: str
    requests: list[Request]
    environment: dict[str, str] = field(repr=False)

    def result(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / name / "result.json").read_text(encoding="utf-8"))
        return content


def bakeoff(*arguments: str | Path, env: dict[str, str]) -> str:
    command = [sys.executable, "-m", "bakeoff.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def repeating_the_key(status: int, **more: Any) -> Reply:
    """A refusal that repeats the key that it got."""

    def reply(handler: Handler) -> None:
        message = f"not for {handler.headers['Authorization']}"
        send(handler, status, {"error": {"message": message, **more}}, {"retry-after-ms": "1"})

    return reply


@pytest.fixture(scope="module")
def ran(pf: Any, smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """The experiment's first run. The endpoint knows every answer, but fails at first and lets one row not through."""
    folder = tmp_path_factory.mktemp("cloud_vs_local")
    (folder / "cache/models").mkdir(parents=True)
    (folder / "cache/models/smollm2-135m-instruct").symlink_to(smollm2)
    experiment = load_experiment(SHIPPED)
    (task,) = experiment.tasks
    rows = {row.values["question"]: row for row in read_task_rows(task, LIMIT, experiment.seed)}
    filtered = next(iter(rows.values()))
    failures = iter([repeating_the_key(503)])

    def route(body: Any) -> Reply:
        row = rows[body["messages"][-1]["content"]]
        if row is filtered:
            return repeating_the_key(400, code="content_filter")
        return next(failures, None) or sse(ROLE, chunk(row.values["ground_truth"]), chunk(finish="stop"), USAGE)

    env = {
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(folder / "keys"),
        "NO_PROXY": "127.0.0.1",
        "PF_WORKER_COUNT": "1",
    }
    with scripted_server() as server:
        server.route = route
        changes = ("--set", f"api_key={KEY}", f"base_url={server.url}/v1")
        pf("connection", "create", "--file", ROOT / "connections/openai.yaml", *changes, env=env)
        env = os.environ | env | {"PF_HOME_DIRECTORY": str(pf.home), "BAKEOFF_CACHE": str(folder / "cache")}
        said = bakeoff("run", SHIPPED, "--limit", str(LIMIT), "--output", folder / "first", env=env)
        yield Bundle(folder, said, server.requests, env)


def contenders(result: dict[str, Any]) -> dict[str, Any]:
    (task,) = result["tasks"]
    return {contender["name"]: contender for contender in task["contenders"]}


def test_it_ends_in_a_verdict_over_all_rows_of_both(ran: Bundle) -> None:
    result = ran.result("first")
    (task,) = result["tasks"]
    assert task["verdict"]["sentence"]
    assert task["verdict"]["sentence"] in " ".join(ran.said.split())
    found = contenders(result)
    assert list(found) == [CLOUD, LOCAL]
    assert found[CLOUD]["outcomes"] == {"answered": LIMIT - 1, "filtered": 1}
    assert sum(found[LOCAL]["outcomes"].values()) == LIMIT == task["rows"]
    assert "errored" not in found[LOCAL]["outcomes"]
    f1 = {name: contender["metrics"][0] for name, contender in found.items()}
    assert (f1[CLOUD]["mean"], f1[CLOUD]["rows_scored"], f1[CLOUD]["coverage"]) == (
        1,
        LIMIT - 1,
        pytest.approx(1 - 1 / LIMIT),
    )
    assert f1[LOCAL]["rows_scored"] == LIMIT
    rows = [json.loads(line) for line in (ran.folder / "first/rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert Counter(row["contender"] for row in rows) == {CLOUD: LIMIT, LOCAL: LIMIT}


def test_the_cloud_has_its_listed_price_and_what_has_none_is_unknown(ran: Bundle) -> None:
    found = contenders(ran.result("first"))
    per_request = (0.15 * USAGE["usage"]["prompt_tokens"] + 0.60 * USAGE["usage"]["completion_tokens"]) / 1e6
    assert found[CLOUD]["cost"]["per_1000"] == pytest.approx(1000 * per_request)
    assert "openai/gpt-4o-mini of 2026-05-27" in found[CLOUD]["cost"]["basis"]
    assert found[LOCAL]["cost"] == {"per_1000": None, "basis": "no price is stated"}


def test_a_cloud_without_a_price_is_unknown_and_is_not_asked_again(ran: Bundle) -> None:
    definition = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    definition["tasks"]["chat"]["flow"] = str(ROOT / "flows/chat")
    del definition["contenders"][CLOUD]["price"]
    file = ran.folder / "unpriced.yaml"
    file.write_text(yaml.safe_dump(definition, sort_keys=False), encoding="utf-8")
    asked = len(ran.requests)
    said = bakeoff("run", file, "--limit", str(LIMIT), "--output", ran.folder / "unpriced", env=ran.environment)
    assert contenders(ran.result("unpriced"))[CLOUD]["cost"] == {"per_1000": None, "basis": "no price is stated"}
    (line,) = [cells for cells in map(str.split, said.splitlines()) if cells[:1] == [CLOUD] and "67%" in cells]
    assert line[-1] == "-"
    assert len(ran.requests) == asked == LIMIT + 1, "a row each and one repetition, and nothing again"


def test_the_key_is_sent_and_written_nowhere(ran: Bundle, pf: Any) -> None:
    assert {request.headers["authorization"] for request in ran.requests} == {f"Bearer {KEY}"}
    assert {request.body["model"] for request in ran.requests} == {"gpt-4o-mini"}
    assert KEY not in ran.said
    kept = [path for top in (ran.folder, pf.home) for path in top.rglob("*") if path.is_file()]
    assert {"report.html", "rows.jsonl", "pf.sqlite"} <= {path.name for path in kept}
    assert [path for path in kept if KEY.encode() in path.read_bytes()] == []
