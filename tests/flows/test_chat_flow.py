"""flows/chat through the real `pf`, in child processes."""

import codecs
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from endpoint import Endpoint, endpoint

ROOT = Path(__file__).parents[2]
FLOW = ROOT / "flows" / "chat"
CAPITAL = "What is the capital of France?"
NAME = [{"inputs": {"question": "My name is Clara."}, "outputs": {"answer": "Nice to meet you, Clara!"}}]
CONTROL_TOKENS = 50
ROWS: dict[str, dict[str, Any]] = {
    "plain": {"question": CAPITAL, "chat_history": []},
    "with history": {"question": "What is my name? Answer with one word.", "chat_history": NAME},
    "without history": {"question": "What is my name? Answer with one word.", "chat_history": []},
    "control tokens": {"question": "<|im_end|>" * CONTROL_TOKENS, "chat_history": []},
    "empty": {"question": "", "chat_history": []},
    "missing": {"chat_history": []},
    "too long": {"question": "word " * 100_000, "chat_history": []},
    "malformed history": {"question": "Hi", "chat_history": [{"inputs": {"question": "Hello"}, "outputs": {}}]},
}

pytestmark = pytest.mark.usefixtures("smollm2")


@dataclass(frozen=True)
class Run:
    """A finished run: what `pf run create` printed as JSON, its output rows in order, and its log."""

    shown: dict[str, Any]
    rows: list[dict[str, Any]]
    log: str


def last_json(text: str) -> dict[str, Any]:
    """The JSON object that a `pf` command prints last."""
    return dict(json.loads(text[re.search(r"^\{$", text, re.MULTILINE).start() :]))  # type: ignore[union-attr]


def run_batch(pf: Any, name: str, data: Path, *arguments: str, run_file: str = "run.yaml", **options: Any) -> Run:
    done = pf("run", "create", "--file", FLOW / run_file, "--data", data, "--name", name, *arguments, **options)
    folder = pf.run_folder(name)
    output = folder / "flow_outputs" / "output.jsonl"
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()] if output.exists() else []
    return Run(last_json(done.stdout), rows, (folder / "logs.txt").read_text(encoding="utf-8"))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_flow_is_valid(pf):
    assert json.loads(pf("flow", "validate", "--source", FLOW).stdout)["result"] == "Succeeded"


def test_requirements_lie_within_the_projects(pf):
    project = set(re.findall(r'^    "([^"]+)",', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE))
    assert set((FLOW / "requirements.txt").read_text(encoding="utf-8").splitlines()) <= project


def test_flow_test_answers_paris_and_prints_nothing_else(pf):
    done = pf("flow", "test", "--flow", FLOW, "--inputs", f"question={CAPITAL}")
    output = last_json(done.stdout)
    assert "Paris" in output["answer"]
    completion = output["completion"]
    assert completion["text"] == output["answer"]
    assert completion["finish_reason"] == "stop"
    assert completion["model"]["name"] == "smollm2-135m-instruct"
    assert completion["prompt_tokens"] > 20
    assert 0 < completion["time_to_first_token"] < completion["total_time"]
    assert not re.search(r"WARNING|ERROR|Traceback|[Rr]etr(y|ies)|OneSettings", done.stdout + done.stderr)


def test_interactive_chat_remembers(pf):
    done = pf("flow", "test", "--flow", FLOW, "--interactive", stdin="Hello, I am Clara.\nWhat is my name?\n")
    answers = re.findall(r"Bot: (.*)", done.stdout)
    assert len(answers) == 2
    assert "Clara" in answers[1]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["question= "], "the question is empty"),
        (["question=Hi", "model=no-such-model"], "no-such-model"),
        (["question=Hi", "max_new_tokens=0"], "max_new_tokens is 0: it must be 1 or more"),
        (["question=Hi", "chat_history=[1]"], r"chat_history, turn 1: inputs\.question is missing"),
    ],
)
def test_what_is_wrong_is_the_last_thing_flow_test_says(pf, inputs, said):
    done = pf("flow", "test", "--flow", FLOW, "--inputs", *inputs, check=False)
    assert done.returncode == 1
    assert re.search(said, (done.stdout + done.stderr).strip().splitlines()[-1])


@pytest.fixture(scope="module")
def batch(pf, tmp_path_factory) -> Run:
    return run_batch(
        pf, "chat_kinds_of_rows", write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl", [*ROWS.values()])
    )


@pytest.fixture(scope="module")
def completions(batch) -> dict[str, dict[str, Any]]:
    """The completion of each kind of row."""
    assert [row["line_number"] for row in batch.rows] == list(range(len(ROWS)))
    return {kind: row["completion"] for kind, row in zip(ROWS, batch.rows, strict=True)}


def test_a_batch_keeps_every_row(batch, completions):
    assert batch.shown["status"] == "Completed"
    reasons = {kind: completion["finish_reason"] for kind, completion in completions.items()}
    failed = {"empty", "missing", "too long", "malformed history"}
    assert {kind for kind, reason in reasons.items() if reason == "error"} == failed
    assert "Paris" in completions["plain"]["text"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("empty", "the question is empty"),
        ("missing", "the row has no question"),
        ("too long", "the prompt has about 100,"),
        ("malformed history", "chat_history, turn 1: outputs.answer is missing"),
    ],
)
def test_a_row_without_an_answer_says_why_in_its_record_and_in_the_log(batch, completions, kind, said):
    error = completions[kind]["error"]
    assert said in error
    assert completions[kind]["text"] == ""
    assert f"Line number({list(ROWS).index(kind)}) has no answer: {error}" in batch.log


def test_the_history_is_used(completions):
    assert "Clara" in completions["with history"]["text"]
    assert "Clara" not in completions["without history"]["text"]
    assert completions["with history"]["prompt_tokens"] > completions["without history"]["prompt_tokens"] + 10


def test_control_tokens_in_a_question_are_text(completions):
    plain = completions["plain"]["prompt_tokens"]
    assert completions["control tokens"]["prompt_tokens"] > plain + 3 * CONTROL_TOKENS


def test_the_runs_totals_are_the_tokens_of_its_rows(pf, batch, completions):
    for name in ("prompt_tokens", "completion_tokens"):
        expected = sum(completion[name] or 0 for completion in completions.values())
        assert expected > 0
        assert batch.shown["properties"]["system_metrics"][name] == expected
    shown = json.loads(pf("run", "show", "--name", "chat_kinds_of_rows").stdout)
    assert shown["properties"]["system_metrics"]["total_tokens"] > 0


def test_each_line_of_the_trace_has_an_llm_call_with_its_messages(pf, batch):
    lines = sorted((pf.run_folder("chat_kinds_of_rows") / "flow_artifacts").glob("*.jsonl"))
    flow = json.loads(lines[1].read_text(encoding="utf-8"))["run_info"]["api_calls"][0]
    (call,) = flow["children"][1]["children"]
    assert call["type"] == "LLM"
    assert [message["role"] for message in call["inputs"]["messages"]] == ["system", "user", "assistant", "user"]
    assert call["output"]["usage"]["total_tokens"] == flow["system_metrics"]["total_tokens"]


def test_a_model_that_cannot_be_loaded_is_the_error_of_the_run(pf, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", [ROWS["plain"]] * 2)
    run = run_batch(pf, "chat_no_model", data, "--set", "column_mapping.model=no-such-model")
    assert run.rows == []
    assert re.match(r"Failed to run 2/2 lines.*no-such-model", run.shown["error"]["message"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom", codecs.BOM_UTF8 + b'{"question": "Hi", "chat_history": []}\n'),
        ("malformed", b'{"question": "Hi", "chat_history": []}\n{"question": "Hi\n'),
        ("no_column", b'{"query": "Hi", "chat_history": []}\n'),
    ],
)
def test_a_data_file_that_prompt_flow_cannot_read_fails_the_run(pf, tmp_path, name, content):
    """Prompt Flow itself names the missing column but no line; bakeoff.hosts.promptflow_data does."""
    data = tmp_path / "rows.jsonl"
    data.write_bytes(content)
    run = run_batch(pf, f"chat_{name}", data)
    assert run.shown["status"] == "Failed"
    said = r"\$\{data\.question\}" if name == "no_column" else "Fail to load invalid data"
    assert re.search(said, run.shown["error"]["message"])


@pytest.fixture(scope="module")
def remote(pf, tmp_path_factory) -> Iterator[tuple[Endpoint, dict[str, str]]]:
    """An endpoint that the connection `azure_openai` names, and the environment that finds the connection's key."""
    env = {
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(tmp_path_factory.mktemp("keyring")),
    }
    template = ROOT / "connections" / "azure_openai.yaml"
    with endpoint() as running:
        pf("connection", "create", "--file", template, "--set", f"api_base={running.url}", "api_key=secret-1", env=env)
        yield running, env


@pytest.mark.parametrize(
    ("name", "question", "deployment", "said"),
    [("wrong_key", "Hi", "HTTP 401", "HTTP 401.*api_key"), ("no_deployment", "Hi", "", "names no model")],
)
def test_an_endpoint_that_no_row_can_use_is_the_error_of_the_run(
    pf, tmp_path, remote, name, question, deployment, said
):
    data = write_rows(tmp_path / "rows.jsonl", [{"question": question, "chat_history": []}])
    mapping = ("--set", f"column_mapping.model={deployment}")
    run = run_batch(pf, f"chat_{name}", data, *mapping, run_file="run.azure.yaml", env=remote[1])
    assert run.rows == []
    assert re.search(said, run.shown["error"]["message"])


def test_flow_test_asks_an_endpoint_of_the_environment(pf):
    with endpoint() as running:
        env = {"OPENAI_BASE_URL": f"{running.url}/v1"}
        done = pf("flow", "test", "--flow", FLOW, "--inputs", "question=Hi", "model=openai:my-model", env=env)
    assert last_json(done.stdout)["answer"] == "You said Hi"


def test_serve_answers_and_explains_what_is_wrong(pf):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    serve = ("flow", "serve", "--source", FLOW, "--port", port, "--host", "127.0.0.1", "--skip-open-browser")
    with pf.running(*serve, until="Running on"):
        status, body = post(f"http://127.0.0.1:{port}/score", {"question": CAPITAL})
        assert status == 200
        assert "Paris" in body["answer"]
        assert body["completion"]["finish_reason"] == "stop"
        status, body = post(f"http://127.0.0.1:{port}/score", {"question": " "})
        assert status == 400
        assert body["error"]["message"] == "the question is empty"


def post(url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_run_files_map_the_data(pf):
    columns = set(json.loads((ROOT / "data/chat/questions.jsonl").read_text(encoding="utf-8").splitlines()[0]))
    inputs = set(yaml.safe_load((FLOW / "flow.dag.yaml").read_text(encoding="utf-8"))["inputs"])
    for file in FLOW.glob("run*.yaml"):
        mapping = yaml.safe_load(file.read_text(encoding="utf-8"))["column_mapping"]
        assert set(mapping) <= inputs
        assert set(re.findall(r"\$\{data\.(\w+)\}", " ".join(mapping.values()))) <= columns
