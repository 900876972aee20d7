"""A batch of flows/chat on an endpoint that misbehaves in its own way for each row, and its evaluation, by real pf."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripted_server import (
    ANSWER,
    KEY,
    Handler,
    Reply,
    chunk,
    error,
    plain,
    scripted_server,
    send,
    slow,
    sse,
)

ROOT = Path(__file__).parents[2]
RETRIES, TIMEOUT, DEADLINE = 2, 2, 8
KEYRING = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}


@dataclass(frozen=True)
class Fault:
    """replies: to the row's requests, the last one to all that follow. outcome, said: of the row. asked: how often."""

    replies: list[Reply]
    outcome: str
    said: str
    asked: int = 1


def echo(status: int) -> Reply:
    """A refusal that repeats the key that it got."""

    def reply(handler: Handler) -> None:
        sent = f"{handler.headers.get('api-key')} {handler.headers.get('Authorization')}"
        send(handler, status, {"error": {"message": f"refused: {sent}"}}, {"retry-after-ms": "1"})

    return reply


def hang(handler: Handler) -> None:
    handler.server.scripted.released.wait(60)


def refused_by_filter() -> Reply:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
    return error(400, "filtered", code="content_filter", innererror=inner)


GOOD = sse(*ANSWER)
EVERY = RETRIES + 1
FILTERED = chunk(finish="content_filter", content_filter_results={"violence": {"filtered": True, "severity": "high"}})
FAULTS = {  # the longest first
    "a hang": Fault([hang], "errored", "no answer within 2 s", EVERY),
    "much too slow": Fault([slow(*[chunk("Hi")] * 99, pause=0.3)], "errored", f"not finished within {DEADLINE} s"),
    "none": Fault([GOOD], "answered", "", 1),
    "401 of one row": Fault([echo(401)], "errored", "HTTP 401"),
    "403 of one row": Fault([echo(403)], "errored", "HTTP 403"),
    "404 of one row": Fault([echo(404)], "errored", "check the deployment's name"),
    "408 once": Fault([error(408), GOOD], "answered", "", 2),
    "429 with Retry-After": Fault([plain(429, {"error": {}}, retry_after="0.1"), GOOD], "answered", "", 2),
    "429 without Retry-After": Fault([plain(429, {"error": {}}), GOOD], "answered", "", 2),
    "429 for good": Fault([echo(429)], "errored", "the rate limit held through", EVERY),
    "429 until tomorrow": Fault([plain(429, {"error": {}}, retry_after="86400")], "errored", "Retry-After: 86400 s"),
    "a burst of 500 and 503": Fault([error(500), error(503), GOOD], "answered", "", 3),
    "500 for good": Fault([echo(500)], "errored", "the service failed through", EVERY),
    "dropped once": Fault([sse(chunk("Hi"), then="drop"), GOOD], "answered", "", 2),
    "dropped each time": Fault([sse(chunk("Hi"), then="drop")], "errored", "no connection", EVERY),
    "half a JSON": Fault([sse('{"choices": [')], "errored", "an answer that cannot be read", EVERY),
    "no choices": Fault([sse({"choices": []})], "errored", "without a finish reason", EVERY),
    "filtered prompt": Fault([refused_by_filter()], "filtered", "refused the prompt: hate"),
    "filtered answer": Fault([sse(chunk("Once"), FILTERED)], "filtered", "stopped the answer: violence (high)"),
    "cut answer": Fault([sse(chunk("Once"), chunk(finish="length"))], "truncated", ""),
    "too long": Fault([error(400, "maximum context length", code="context_length_exceeded")], "errored", "shorten"),
    "wrong api version": Fault([error(400, "Unsupported api-version")], "errored", "set another api_version"),
    "a slow answer": Fault([slow(*ANSWER, pause=0.3)], "answered", ""),
}  # fmt: skip


@dataclass
class Batch:
    """rows, scores: outputs of the flow and records of the evaluation, by fault. metrics: of the evaluation.

    asked: requests by fault. paths: of all requests. totals: of the flow's run. said: all that pf printed. home: where
    it keeps runs, logs and traces.
    """

    rows: dict[str, Any]
    scores: dict[str, Any]
    metrics: dict[str, float]
    asked: Counter[str]
    paths: set[str]
    totals: dict[str, float]
    said: str
    home: Path = field(repr=False)


@pytest.fixture(scope="module")
def batch(pf: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batch]:
    folder = tmp_path_factory.mktemp("faults")
    same = {"chat_history": [], "ground_truth": "Hi there", "aliases": [], "category": ""}
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps({"id": name, "question": name, **same}) + "\n" for name in FAULTS), "utf-8")
    asked: Counter[str] = Counter()

    def route(body: Any) -> Reply:
        name = body["messages"][-1]["content"]
        if name not in FAULTS:
            return GOOD  # the tiny question that tells one refused row from a key that is wrong
        asked[name] += 1
        replies = FAULTS[name].replies
        return replies[min(asked[name], len(replies)) - 1]

    with scripted_server() as server:
        server.route = route
        said, totals = run(pf, folder, data, server.url)
        outputs, records = pf.run_folder("faults"), pf.run_folder("faults_eval")
        found = [json.loads(line) for line in (outputs / "flow_outputs/output.jsonl").read_text().splitlines()]
        scores = [json.loads(line)["row"] for line in (records / "flow_outputs/output.jsonl").read_text().splitlines()]
        names = list(FAULTS)
        yield Batch(
            {names[row["line_number"]]: row for row in found},
            {score["id"]: score for score in scores},
            json.loads((records / "metrics.json").read_text()),
            asked,
            {request.path for request in server.requests},
            totals,
            said,
            pf.home,
        )


def run(pf: Any, folder: Path, data: Path, url: str) -> tuple[str, dict[str, float]]:
    """Create the connection, run the flow and its evaluation; all that was printed, and the flow's totals."""
    env = {**KEYRING, "XDG_DATA_HOME": str(folder / "keys"), "NO_PROXY": "127.0.0.1"}
    configs = {
        "base_url": url,
        "api_type": "azure",
        "api_version": "2024-10-21",
        "timeout": str(TIMEOUT),
        "max_retries": str(RETRIES),
        "deadline": str(DEADLINE),
        "model": "mini",
    }
    values = [f"configs.{name}={value}" for name, value in configs.items()]
    template = ROOT / "connections" / "custom.yaml"
    made = pf("connection", "create", "--file", template, "--set", *values, f"secrets.api_key={KEY}", env=env)
    base = pf(
        *("run", "create", "--file", ROOT / "flows/chat/run.azure.yaml", "--data", data, "--name", "faults"),
        *("--connections", "chat.connection=custom", "--set", "column_mapping.model=mini"),
        env=env,
    )
    evaluation = ROOT / "evaluations/chat/run.yaml"
    of_base = ("--run", "faults", "--name", "faults_eval")
    scored = pf("run", "create", "--file", evaluation, "--data", data, *of_base, env=env | {"PF_WORKER_COUNT": "1"})
    totals = json.loads(base.stdout[base.stdout.rindex("\n{\n") :])["properties"]["system_metrics"]
    return "".join(done.stdout + done.stderr for done in (made, base, scored)), totals


def test_no_row_is_lost(batch: Batch) -> None:
    assert list(batch.rows) == list(batch.scores) == list(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_a_typed_outcome_after_the_tries_it_deserves(batch: Batch, name: str) -> None:
    fault, completion = FAULTS[name], batch.rows[name]["completion"]
    assert batch.scores[name]["outcome"] == fault.outcome
    assert fault.said in (completion["error"] or "")
    assert bool(completion["error"]) == (fault.outcome in ("errored", "filtered"))
    assert batch.asked[name] == fault.asked
    assert (batch.rows[name]["answer"] == "Hi there") == (fault.outcome == "answered")


def test_each_call_is_counted_once(batch: Batch) -> None:
    """Prompt Flow would count the tokens of a stream by an estimate of its own, and repetitions again."""
    for name in ("prompt_tokens", "completion_tokens"):
        expected = sum(row["completion"][name] or 0 for row in batch.rows.values())
        assert batch.totals[name] == expected > 0
    assert batch.paths == {"/openai/deployments/mini/chat/completions?api-version=2024-10-21"}


def test_the_metrics_count_every_outcome(batch: Batch) -> None:
    expected = Counter(fault.outcome for fault in FAULTS.values())
    assert {outcome: batch.metrics[f"rows_{outcome}"] for outcome in expected} == expected
    assert batch.metrics["rows_expected"] == len(FAULTS)
    assert batch.metrics["f1_worst_case"] < batch.metrics["f1"] <= 1


def test_the_key_is_nowhere(batch: Batch) -> None:
    assert KEY not in batch.said
    kept = [path for path in batch.home.rglob("*") if path.is_file()]
    assert any("faults" in path.parts for path in kept)
    holding = [path for path in kept if KEY.encode() in path.read_bytes()]
    assert holding == []
