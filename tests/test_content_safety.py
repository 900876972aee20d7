"""Azure AI Content Safety on a server on 127.0.0.1."""

from collections.abc import Iterator

import pytest
from promptflow.connections import AzureContentSafetyConnection, OpenAIConnection
from scripted_server import KEY, Reply, ScriptedServer, error, plain, scripted_server

from bakeoff.content_safety import ContentSafetyTarget, analyse_text, check_content_safety, content_safety_target
from bakeoff.errors import InputError

SAFE = {"categoriesAnalysis": [{"category": "Hate", "severity": 0}, {"category": "Violence", "severity": 2}]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with scripted_server() as running:
        yield running


def test_a_text_is_analysed(server: ScriptedServer) -> None:
    server.script = [plain(200, SAFE)] * 2
    target = content_safety_target(AzureContentSafetyConnection(api_key=KEY, endpoint=f"{server.url}/", name="safe"))
    assert analyse_text(target, "a text") == {"Hate": 0, "Violence": 2}
    request = server.requests[0]
    assert request.path == f"/contentsafety/text:analyze?api-version={target.api_version}"
    assert request.headers["ocp-apim-subscription-key"] == KEY
    assert request.body["text"] == "a text"
    steps = check_content_safety(target)
    assert [step.state for step in steps] == ["ok"] * 4
    assert steps[2].said == "Hate, Violence"


@pytest.mark.parametrize(
    ("reply", "failed", "said"),
    [
        (error(401, f"Access denied for {KEY}"), "authorised", "check that the api_key in connection 'safe'"),
        (error(403), "authorised", "network rules"),
        (error(404), "resource", "check the address, and the api_version"),
        (error(429), "answer", "try again later"),
        (plain(503, "<html>busy</html>"), "answer", "busy"),
        (plain(200, {"value": 1}), "answer", "HTTP 200"),
        (lambda handler: handler.server.scripted.released.wait(9), "reachable", "no answer within 0.3 s"),
    ],
)
def test_each_failure_is_told_at_its_step_without_the_key(
    server: ScriptedServer, reply: Reply, failed: str, said: str
) -> None:
    server.script = [reply]
    steps = check_content_safety(ContentSafetyTarget(server.url, KEY, source="connection 'safe'"), 0.3)
    (wrong,) = [step for step in steps if step.state == "failed"]
    assert (wrong.name, KEY in wrong.said) == (failed, False)
    assert said in wrong.said


def test_nobody_listens() -> None:
    steps = check_content_safety(ContentSafetyTarget("http://127.0.0.1:9", KEY), 5)
    assert (steps[0].name, steps[0].state) == ("reachable", "failed")


@pytest.mark.parametrize(
    "address", ["", "https://<your-resource>.cognitiveservices.azure.com", "https://a/b", "https://u:p@a"]
)
def test_a_wrong_address_is_an_input_error(address: str) -> None:
    with pytest.raises(InputError, match="connection 'safe'"):
        ContentSafetyTarget(address, KEY, source="connection 'safe'")


def test_another_connection_type_is_an_input_error() -> None:
    with pytest.raises(InputError, match="use AzureContentSafetyConnection"):
        content_safety_target(OpenAIConnection(api_key=KEY))
