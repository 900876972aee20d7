"""The check of a connection (bakeoff.models.endpoint_check) on `bakeoff serve`."""

import pytest
from running_server import Running

from bakeoff.models.endpoint import Endpoint
from bakeoff.models.endpoint_check import check_chat, check_embedding

CHAT, EMBEDDING = "smollm2-135m-instruct", "all-minilm-l6-v2"


@pytest.fixture
def endpoint(server: Running, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Endpoint("openai", server.url)


def test_a_chat_and_an_embedding_model_answer(endpoint: Endpoint) -> None:
    chat, vectors = check_chat(endpoint, CHAT), check_embedding(endpoint, EMBEDDING)
    assert [step.state for step in (*chat, *vectors)] == ["ok"] * 8
    assert "first token after" in chat[3].said
    assert "vector of 384 numbers" in vectors[3].said


def test_a_model_that_it_does_not_have_and_none(endpoint: Endpoint) -> None:
    missing = check_chat(endpoint, "gpt-4")
    assert [step.state for step in missing] == ["ok", "ok", "failed", "not checked"]
    assert CHAT in missing[2].said
    assert EMBEDDING in missing[2].said
    unnamed = check_chat(endpoint)
    assert [step.state for step in unnamed] == ["ok", "ok", "not checked", "not checked"]
    assert CHAT in unnamed[2].said
