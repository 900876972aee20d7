"""Our provider against llama.cpp's server: as it is, and behind nginx with the paths of Azure OpenAI."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from llama_server import CONTEXT, KEY, MODEL, LlamaServer

from bakeoff.errors import EndpointError, PromptTooLongError
from bakeoff.models.base import Message, Parameters
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.endpoint_check import check_chat, check_embedding
from bakeoff.models.openai_chat import OpenAIChatModel
from bakeoff.models.openai_embedding import OpenAIEmbeddingModel

COUNT = [Message("user", "Count: one, two, three,")]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(params=["openai", "serverless", "azure_openai"])
def endpoint(request: pytest.FixtureRequest, llama: LlamaServer, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """Each kind of endpoint in turn."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if request.param == "azure_openai":
        return Endpoint("azure_openai", request.getfixturevalue("azure_llama"), KEY, api_version="2024-10-21")
    return Endpoint(request.param, f"{llama.url}/v1", KEY)


def test_an_answer_comes_in_pieces_with_its_tokens(endpoint: Endpoint) -> None:
    *pieces, last = OpenAIChatModel(endpoint, MODEL).stream(COUNT, Parameters(max_new_tokens=6))
    done = last.completion
    assert done is not None
    assert (done.finish_reason, done.completion_tokens) == ("length", 6)
    assert len(pieces) > 1
    assert "".join(piece.text for piece in pieces) == done.text != ""
    assert done.prompt_tokens is not None
    assert done.time_to_first_token is not None
    assert 0 < done.time_to_first_token < done.total_time


def test_an_answer_follows_a_json_schema(endpoint: Endpoint) -> None:
    asked = [Message("user", "Give me a person as JSON.")]
    done = OpenAIChatModel(endpoint, MODEL).complete(asked, Parameters(max_new_tokens=60, json_schema=PERSON))
    person = json.loads(done.text)
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)


def test_a_stop_string_ends_the_answer(endpoint: Endpoint) -> None:
    model = OpenAIChatModel(endpoint, MODEL)
    whole = model.complete(COUNT, Parameters(max_new_tokens=12)).text
    third = whole.split()[2]
    stopped = model.complete(COUNT, Parameters(max_new_tokens=12, stop=(third,)))
    assert (stopped.text, stopped.finish_reason) == (whole[: whole.index(third)], "stop")


def test_embeddings_are_unit_vectors_in_order(endpoint: Endpoint) -> None:
    model = OpenAIEmbeddingModel(endpoint, MODEL)
    texts = ["A cat sleeps.", "Ships sail the sea.", "A cat sleeps."]
    vectors = model.embed(texts)
    assert vectors.shape == (3, model.dimension) == (3, 576)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    similarities = vectors @ vectors[0]
    assert similarities[2] == pytest.approx(1, abs=1e-4)
    assert similarities[1] < 0.99


def test_a_prompt_that_does_not_fit(endpoint: Endpoint) -> None:
    model = OpenAIChatModel(endpoint, MODEL)
    long = Message("user", "word " * (CONTEXT + 100))
    with pytest.raises(PromptTooLongError, match="shorten the prompt"):
        model.complete([long], Parameters(max_new_tokens=4))
    conversation = [long, Message("assistant", "Yes."), *COUNT]
    done = model.complete(conversation, Parameters(max_new_tokens=4, overflow="truncate"))
    assert (done.dropped_turns, bool(done.text)) == (2, True)


def test_a_wrong_key_is_refused_without_being_shown(endpoint: Endpoint) -> None:
    wrong = replace(endpoint, api_key="wr0ng0not0a0real0key09e1c")
    with pytest.raises(EndpointError, match="check that the api_key") as caught:
        OpenAIChatModel(wrong, MODEL).complete(COUNT)
    assert (caught.value.status, "wr0ng" in str(caught.value)) == (401, False)


def test_the_check_of_a_connection(endpoint: Endpoint) -> None:
    assert [step.state for step in check_embedding(endpoint, MODEL)] == ["ok"] * 4
    refused = check_chat(replace(endpoint, api_key="wr0ng0not0a0real0key09e1c"), MODEL)
    assert [step.state for step in refused] == ["ok", "failed", "not checked", "not checked"]
    if endpoint.kind == "openai":
        only = check_chat(endpoint)
        assert [step.state for step in only] == ["ok"] * 4
        assert only[2].said.endswith("SmolLM2-135M-Instruct.Q4_1.gguf'")
    if endpoint.kind == "azure_openai":
        missing = check_chat(endpoint, "no-such-deployment")
        assert [step.state for step in missing] == ["ok", "not checked", "failed", "not checked"]
        assert "DeploymentNotFound" in missing[2].said or "does not exist" in missing[2].said
        old = check_chat(replace(endpoint, api_version="1999-01-01"), MODEL)
        assert "api_version (now 1999-01-01)" in old[2].said


def test_the_key_is_in_no_log_of_nginx(azure_llama: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    logs = [path.read_text() for path in Path(tmp_path_factory.getbasetemp()).glob("nginx*/*.log")]
    assert any("chat/completions" in log for log in logs)
    assert not any(KEY in log for log in logs)
