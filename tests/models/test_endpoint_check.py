"""What a check says about an endpoint, against a server on 127.0.0.1 that fails in every way a real one does."""

from collections.abc import Iterator
from typing import Any

import pytest
from scripted_server import ANSWER, KEY, Reply, ScriptedServer, chunk, error, plain, scripted_server, sse

from bakeoff.models.check import Step
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.endpoint_check import check_chat, check_embedding, list_models

VECTOR = {"data": [{"index": 0, "embedding": [0.6, 0.8]}]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with scripted_server() as running:
        yield running


def endpoint(server: ScriptedServer, kind: Any = "openai", **changes: Any) -> Endpoint:
    base_url = server.url if kind == "azure_openai" else f"{server.url}/v1"
    values = {"api_key": KEY, "source": "connection 'x'", "base_url": base_url, "api_version": "2024-10-21", **changes}
    return Endpoint(kind, **values)


def states(steps: list[Step]) -> list[str]:
    """One letter a step (o: ok, f: failed, n: not checked); none of them shows the key."""
    assert KEY not in str(steps)
    return [f"{step.name} {step.state[0]}" for step in steps]


def models(*names: str) -> Reply:
    return plain(200, {"object": "list", "data": [{"id": name} for name in names]})


def test_a_working_deployment_shows_its_latency(server: ScriptedServer) -> None:
    listed = {"data": [{"id": "mini-2024-07-18", "deprecation": {"inference": 1790812800}}, {"id": "other"}]}
    server.script = [sse(*ANSWER), plain(200, listed)]
    steps = check_chat(endpoint(server, "azure_openai"), "mini")
    assert states(steps) == ["reachable o", "authorised o", "deployment o", "answer o"]
    assert steps[2].said == "'mini', which reports itself as mini-2024-07-18, retired on 2026-10-01"
    assert "first token after" in steps[3].said
    assert "9 + 2 tokens" in steps[3].said
    server.script = [sse(*ANSWER), error(403)]
    assert check_chat(endpoint(server, "azure_openai"), "mini")[2].said.endswith("mini-2024-07-18")


@pytest.mark.parametrize(
    ("reply", "expected", "said"),
    [
        (error(401), "reachable o, authorised f, deployment n, answer n", "check that the api_key in connection 'x'"),
        (error(403), "reachable o, authorised f, deployment n, answer n", "Cognitive Services OpenAI User"),
        (error(410), "reachable o, authorised o, deployment f, answer n", "the model was retired"),
        (error(400), "reachable o, authorised o, deployment n, answer f", "what the endpoint complains about"),
        (error(408), "reachable o, authorised n, deployment n, answer f", "HTTP 408"),
        (error(429), "reachable o, authorised o, deployment o, answer f", "the rate limit held"),
        (error(503), "reachable o, authorised n, deployment n, answer f", "try again later"),
        (sse(chunk("x"), then="drop"), "reachable o, authorised n, deployment n, answer f", "no connection"),
        (sse(then="hang"), "reachable o, authorised n, deployment n, answer f", "no answer within 0.3 s"),
        (lambda handler: handler.server.scripted.released.wait(9), "reachable f, authorised n, deployment n, answer n",
         "no answer within 0.3 s"),
    ],
)  # fmt: skip
def test_each_failure_is_told_at_its_step_once(server: ScriptedServer, reply: Reply, expected: str, said: str) -> None:
    server.script = [reply, models("mini")]
    steps = check_chat(endpoint(server, "azure_openai"), "mini", timeout=0.3)
    assert ", ".join(states(steps)) == expected
    (failed,) = [step for step in steps if step.state == "failed"]
    assert said in failed.said
    assert len(server.requests) <= 2


def test_a_page_that_is_no_chat_server(server: ScriptedServer) -> None:
    server.script = [plain(200, "<html>Welcome</html>")] * 2
    steps = check_chat(endpoint(server), "mini")
    assert states(steps) == ["reachable o", "authorised n", "deployment n", "answer f"]
    assert "does not speak the OpenAI protocol" in steps[3].said


def test_a_server_that_is_not_there(server: ScriptedServer) -> None:
    steps = check_chat(endpoint(server, base_url="http://127.0.0.1:9/v1"), "mini")
    assert states(steps) == ["reachable f", "authorised n", "deployment n", "answer n"]
    assert "check the address in connection 'x'" in steps[0].said


def test_nobody_is_signed_in(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for named in ("mini", ""):
        steps = check_chat(endpoint(server, "azure_openai", api_key=None), named)
        assert states(steps) == ["reachable n", "authorised f", "deployment n", "answer n"]
        assert "az login" in steps[1].said
    assert server.requests == []


def test_a_missing_model_is_told_with_those_that_there_are(server: ScriptedServer) -> None:
    server.script = [error(404, "no such model", code="model_not_found"), models("phi", "qwen")]
    steps = check_chat(endpoint(server), "mini")
    assert states(steps) == ["reachable o", "authorised o", "deployment f", "answer n"]
    assert "check the model's name" in steps[2].said
    assert steps[2].said.endswith("(it lists phi, qwen)")


def test_a_missing_azure_deployment(server: ScriptedServer) -> None:
    server.script = [error(404, code="DeploymentNotFound"), models("a-base-model")]
    steps = check_chat(endpoint(server, "azure_openai"), "mini")
    assert states(steps) == ["reachable o", "authorised o", "deployment f", "answer n"]
    assert "check the deployment's name, that its model was not retired" in steps[2].said
    assert "a-base-model" not in steps[2].said
    assert server.requests[1].path == "/openai/models?api-version=2024-10-21"


def test_a_missing_deployment_behind_a_key_that_is_refused_later(server: ScriptedServer) -> None:
    server.script = [error(404), error(401)]
    assert states(check_chat(endpoint(server), "mini"))[:2] == ["reachable o", "authorised f"]
    server.script = [error(404), error(404)]
    assert states(check_chat(endpoint(server), "mini"))[1:3] == ["authorised n", "deployment f"]


def test_without_a_name_the_only_model_is_called(server: ScriptedServer) -> None:
    server.script = [models("phi"), sse(*ANSWER)]
    assert states(check_chat(endpoint(server)))[-1] == "answer o"
    assert server.requests[1].body["model"] == "phi"


@pytest.mark.parametrize(
    ("kind", "reply", "expected", "said"),
    [
        ("openai", models("phi", "qwen"), "authorised o, deployment n", "(it lists phi, qwen)"),
        ("openai", models(*map(str, range(10))), "authorised o, deployment n", "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
        ("azure_openai", models("gpt-4o"), "authorised o, deployment n", "name it: --model"),
        ("openai", error(404), "authorised n, deployment n", "name it: --model"),
        ("openai", error(401), "authorised f, deployment n", "api_key"),
        ("openai", plain(200, {"models": []}), "authorised n, deployment n", ""),
    ],
)
def test_without_a_name_as_much_as_can_be_is_checked(
    server: ScriptedServer, kind: str, reply: Reply, expected: str, said: str
) -> None:
    server.script = [reply]
    steps = check_chat(endpoint(server, kind))
    assert ", ".join(states(steps)[1:3]) == expected
    assert said in " ".join(step.said for step in steps)


def test_a_serverless_endpoint_tells_its_model(server: ScriptedServer) -> None:
    server.script = [plain(200, {"model_name": "Phi-4", "model_type": "chat-completions"}), sse(*ANSWER)]
    assert states(check_chat(endpoint(server, "serverless", api_version="")))[-1] == "answer o"
    assert [request.path for request in server.requests] == ["/info", "/v1/chat/completions"]
    server.script = [plain(200, [1])]
    assert "cannot be read" in check_chat(endpoint(server, "serverless"))[-1].said


def test_an_embedding_deployment(server: ScriptedServer) -> None:
    server.script = [plain(200, VECTOR), error(404), models("embed-1")]
    good = check_embedding(endpoint(server), "embed")
    assert states(good) == ["reachable o", "authorised o", "embedding o", "answer o"]
    assert "vector of 2 numbers" in good[3].said
    bad = check_embedding(endpoint(server), "embed")
    assert states(bad) == ["reachable o", "authorised o", "embedding f", "answer n"]
    assert bad[2].said.endswith("(it lists embed-1)")


def test_models_are_listed(server: ScriptedServer) -> None:
    server.script = [models("a", "b")]
    assert list_models(endpoint(server)) == {"a": None, "b": None}
