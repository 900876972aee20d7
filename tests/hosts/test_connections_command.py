"""`bakeoff connections` as a person runs it; what each step means is tested where the steps are made."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from promptflow.connections import (
    AzureContentSafetyConnection,
    AzureOpenAIConnection,
    CognitiveSearchConnection,
    CustomConnection,
    OpenAIConnection,
    SerpConnection,
    ServerlessConnection,
)
from scripted_server import ANSWER, KEY, ScriptedServer, error, plain, scripted_server, sse

from bakeoff.cli import main
from bakeoff.errors import InputError
from bakeoff.hosts import connection_check, promptflow_connections
from bakeoff.hosts.promptflow_connections import Registered

VECTOR = {"data": [{"index": 0, "embedding": [0.6, 0.8]}]}
SAFE = {"categoriesAnalysis": [{"category": "Hate", "severity": 0}]}
INDEXES = {"value": [{"name": "help"}]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server, and in place of Prompt Flow's registry one connection of each kind that leads to it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with scripted_server() as running:
        url = running.url
        registered = {
            "azure": AzureOpenAIConnection(api_base=url, api_key=KEY, name="azure"),
            "compatible": OpenAIConnection(base_url=f"{url}/v1", api_key=KEY, name="compatible"),
            "custom": CustomConnection(configs={"base_url": f"{url}/v1", "model": "m"}, secrets={"api_key": KEY}),
            "other": SerpConnection(api_key=KEY),
            "safety": AzureContentSafetyConnection(endpoint=url, api_key=KEY, name="safety"),
            "search": CognitiveSearchConnection(api_base=url, api_key=KEY, name="search"),
            "serverless": ServerlessConnection(api_base=url, api_key=KEY, name="serverless"),
            "unfilled": OpenAIConnection(api_key="<user-input>", name="unfilled"),
        }

        def get(name: str) -> object:
            if name not in registered:
                raise InputError(f"there is no Prompt Flow connection {name!r}")
            return registered[name]

        monkeypatch.setattr(connection_check, "get_connection", get)
        shown = [Registered(name, "OpenAIConnection", "host", "key") for name in ("compatible", "custom")]
        monkeypatch.setattr(promptflow_connections, "list_connections", lambda: shown)
        yield running


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and what was printed, the words of a line apart by one space."""
    code = main(["connections", "check", *arguments])
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert KEY not in said
    return code, "\n".join(" ".join(line.split()) for line in said.splitlines())


def test_each_kind_of_connection_is_called_and_the_key_is_not_shown(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    chat, info = sse(*ANSWER), plain(200, {"model_name": "Phi-4"})
    for arguments, replies, path, said in (
        (["azure", "--model", "d"], [chat, plain(200, {"data": []})], "/openai/models", "deployment ok 'd'"),
        (["azure", "--embedding", "e"], [plain(200, VECTOR)], "/openai/deployments/e/embeddings", "embedding ok 'e'"),
        (["compatible", "--model", "m"], [chat], "/v1/chat/completions", "answer ok"),
        (["custom"], [chat], "/v1/chat/completions", "deployment ok 'm'"),
        (["serverless"], [info, chat], "/v1/chat/completions", "deployment ok 'Phi-4'"),
        (["search"], [plain(200, INDEXES)], "/indexes", "index not checked name it: --index (there are help)"),
        (["safety"], [plain(200, SAFE)], "/contentsafety/text:analyze", "resource ok Hate"),
    ):
        server.script = list(replies)
        code, printed = check(capsys, *arguments)
        assert code == 0, printed
        assert printed.startswith(f"{arguments[0]}\nregistered ok\nreachable ok\nauthorised ok\n")
        assert said in printed
        assert server.requests[-1].path.split("?")[0] == path


def test_a_chat_and_an_embedding_deployment_at_once(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.script = [sse(*ANSWER), error(404), error(404), error(404)]
    code, printed = check(capsys, "azure", "--model", "d", "--embedding", "e")
    assert code == 1
    assert "deployment ok 'd'" in printed
    assert "embedding failed" in printed


def test_a_failure_is_exit_code_1_with_advice(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.script = [error(401, f"wrong key {KEY}")]
    code, printed = check(capsys, "azure", "--model", "d")
    assert code == 1
    assert "authorised failed 127.0.0.1" in printed
    assert "What to do: check that the api_key in connection 'azure' is valid" in printed
    assert printed.endswith("failed: azure")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "there is no Prompt Flow connection 'nowhere'"),
        ("unfilled", "api_key has no value"),
        ("other", "is of type SerpConnection: use one of"),
    ],
)
def test_a_connection_that_cannot_be_used(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    code, printed = check(capsys, name)
    assert code == 1
    assert f"{name}\nregistered failed" in printed
    assert said in printed
    assert server.requests == []


def test_without_a_name_each_connection_is_checked(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.script = [plain(200, {"data": [{"id": "phi"}]}), sse(*ANSWER), error(401)]
    code, printed = check(capsys)
    assert code == 1
    assert printed.count("registered ok") == 2
    assert printed.endswith("failed: custom")


def test_an_endpoint_of_the_environment(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    server.script = [sse(*ANSWER)]
    assert check(capsys, "openai:mini")[0] == 0
    assert server.requests[0].body["model"] == "mini"
    code, printed = check(capsys, "azure:mini")
    assert code == 1
    assert "AZURE_OPENAI_ENDPOINT is not set" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "d"], "belong to one connection: name it"),
        (["azure", "--timeout", "0"], "--timeout is 0"),
    ],
)
def test_wrong_options(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, printed = check(capsys, *arguments)
    assert code == 1
    assert said in printed


def test_nothing_to_check_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promptflow_connections, "list_connections", lambda: [])
    code, printed = check(capsys)
    assert code == 1
    assert "no connection is registered" in printed
    assert main(["connections"]) == 0
    assert "no connection is registered" in capsys.readouterr().out
