"""`bakeoff serve` asked by the official OpenAI SDK."""

import base64
import json
import math
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from openai import OpenAI
from PIL import Image as Picture
from running_server import Running, is_alive, running_server, until
from soak_clients import ANSWER_TOKENS, soak
from tiny_phi3 import write_tiny_phi3

from bakeoff.cli import main
from bakeoff.models.base import Message, Parameters
from bakeoff.models.load import load_embedding
from bakeoff.models.onnx_chat import OnnxChatModel

SMOL = "smollm2-135m-instruct"
SYSTEM = "You are a helpful assistant. Answer briefly and to the point."
CAPITAL = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "What is the capital of France?"}]
STORY: list[Any] = [{"role": "user", "content": "Tell me a long story about the sea."}]
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def client(server: Running) -> OpenAI:
    return server.client()


@pytest.fixture(scope="module")
def in_process(smollm2: Path) -> OnnxChatModel:
    return OnnxChatModel(smollm2, SMOL)


def test_models_are_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [SMOL, "all-minilm-l6-v2", "tiny-phi3v"]
    assert client.models.retrieve(SMOL).owned_by == "bakeoff"
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.models.retrieve("gpt-4")


def test_a_greedy_answer_is_the_one_of_the_process_itself(client: OpenAI, in_process: OnnxChatModel) -> None:
    answer = client.chat.completions.create(model=SMOL, messages=CAPITAL, temperature=0)
    messages = [Message(m["role"], m["content"]) for m in CAPITAL]  # type: ignore[arg-type]
    expected = in_process.complete(messages, Parameters(max_new_tokens=1024))
    assert answer.choices[0].message.content == expected.text == "The capital of France is Paris."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.prompt_tokens == expected.prompt_tokens
    assert answer.usage.completion_tokens == expected.completion_tokens
    assert answer.system_fingerprint == expected.model.revision


def test_a_stream_brings_the_same_text_and_its_usage(client: OpenAI) -> None:
    options: Any = {"model": SMOL, "messages": CAPITAL, "temperature": 0}
    whole = client.chat.completions.create(**options)
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len([piece for piece in pieces if piece]) > 3
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_seed_repeats_a_sampled_answer(client: OpenAI) -> None:
    def answer(seed: int) -> str | None:
        made = client.chat.completions.create(model=SMOL, messages=STORY, temperature=1.2, seed=seed, max_tokens=24)
        return made.choices[0].message.content

    assert answer(1) == answer(1) != answer(2)


def test_stop_and_token_limit_end_an_answer(client: OpenAI) -> None:
    options: Any = {"model": SMOL, "messages": CAPITAL, "temperature": 0}
    stopped = client.chat.completions.create(**options, stop=" France")
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("The capital of", "stop")
    cut = client.chat.completions.create(**options, max_completion_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("The capital", "length")


def test_logprobs_are_those_of_the_model(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=SMOL, messages=CAPITAL, temperature=0, logprobs=True, top_logprobs=3
    ).choices[0]
    assert answer.logprobs
    assert answer.logprobs.content
    tokens = answer.logprobs.content
    assert "".join(token.token for token in tokens) == answer.message.content
    for token in tokens:
        assert (token.top_logprobs[0].token, token.top_logprobs[0].logprob) == (token.token, token.logprob)
        others = [other.logprob for other in token.top_logprobs]
        assert others == sorted(others, reverse=True)
        assert sum(math.exp(logprob) for logprob in others) <= 1
        assert bytes(token.bytes or ()).decode() == token.token


def test_a_schema_binds_the_answer(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=SMOL,
        messages=CAPITAL,
        temperature=0,
        max_tokens=40,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    )
    assert json.loads(answer.choices[0].message.content or "")["city"] in ("Paris", "Rome")


def test_embeddings_are_those_of_the_process_itself(client: OpenAI) -> None:
    texts = ["a red bicycle", "the price of bread", ""]
    made = client.embeddings.create(model="all-minilm-l6-v2", input=texts)
    expected = load_embedding().embed(texts)
    np.testing.assert_allclose([one.embedding for one in made.data], expected, atol=1e-6)
    plain = client.embeddings.create(model="all-minilm-l6-v2", input=texts[0], encoding_format="float")
    np.testing.assert_allclose(plain.data[0].embedding, expected[0], atol=1e-6)
    assert plain.usage.prompt_tokens == 5


def test_a_multimodal_model_gets_its_image(client: OpenAI) -> None:
    def answer(colour: str) -> Any:
        stream = BytesIO()
        Picture.new("RGB", (40, 30), colour).save(stream, "PNG")
        url = f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
        content: Any = [
            {"type": "text", "text": "what is the answer?"},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        return client.chat.completions.create(
            model="tiny-phi3v", messages=[{"role": "user", "content": content}], max_tokens=8, temperature=0
        )

    red, green = answer("red"), answer("green")
    assert red.choices[0].message.content != green.choices[0].message.content
    assert red.usage.prompt_tokens > 144


@pytest.mark.parametrize(
    ("change", "status", "param", "said"),
    [
        ({"model": "gpt-4"}, 404, "model", "'gpt-4' does not exist"),
        ({"model": None}, 400, "model", "must name a model"),
        ({"n": 2}, 400, "n", "n is not supported"),
        ({"tools": [{"type": "function"}]}, 400, "tools", "not supported"),
        ({"best_of": 3}, 400, "best_of", "unknown parameter"),
        ({"temperature": 3}, 400, None, "between 0 and 2"),
        ({"temperature": True}, 400, "temperature", "must be a number"),
        ({"temperature": 10**400}, 400, "temperature", "too large"),
        ({"messages": [{"role": "user", "content": 5}]}, 400, "messages[0]", "content must be a string or a list"),
        ({"max_tokens": 0}, 400, None, "must be 1 or more"),
        ({"max_tokens": 1.5}, 400, "max_tokens", "whole number"),
        ({"stop": [""]}, 400, None, "empty stop string"),
        ({"top_logprobs": 2}, 400, "top_logprobs", "needs logprobs"),
        ({"messages": []}, 400, "messages", "at least one"),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "messages[0].role", "unknown role"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, 400, "messages[0]", "text or image_url"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}
                ]
            },
            400,
            "messages[0].content[0]",
            "send the image itself",
        ),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400, None, "must be the user's question"),
        ({"messages": [{"role": "user", "content": "word " * 20_000}]}, 400, "messages", "the prompt has"),
        ({"response_format": {"type": "yaml"}}, 400, "response_format", "must be of type"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "what"}}}},
            400,
            None,
            "json_schema cannot be used",
        ),
        ({"model": "all-minilm-l6-v2"}, 400, None, "is an embedding model"),
    ],
)
def test_a_refusal_is_an_openai_error(
    server: Running, change: dict[str, Any], status: int, param: str | None, said: str
) -> None:
    body = {"model": SMOL, "messages": CAPITAL} | change
    got, error = server.refusal(CHAT, body)
    assert (got, error["param"]) == (status, param)
    assert said in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (CHAT, b'{"model": ', 400, "invalid_json"),
        (CHAT, b"\xff\xfe", 400, "invalid_json"),
        (CHAT, b"[" * 100_000, 400, "invalid_json"),
        (CHAT, b"[1]", 400, "invalid_json"),
        (CHAT, b" " * (33 * 2**20), 413, "request_too_large"),
        ("/v1/completions", b"{}", 404, "unknown_url"),
        ("/v1/models", b"{}", 405, "unknown_url"),
    ],
)
def test_what_is_no_request_is_an_openai_error(server: Running, path: str, body: bytes, status: int, code: str) -> None:
    got, error = server.refusal(path, body)
    assert (got, error["code"], error["type"]) == (status, code, "invalid_request_error")


def test_a_context_that_is_too_small_has_its_code(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=SMOL, messages=[{"role": "user", "content": "word " * 20_000}])
    assert raised.value.code == "context_length_exceeded"


def test_an_answer_that_nobody_reads_is_cancelled(server: Running, client: OpenAI) -> None:
    running = f'bakeoff_running{{model="{SMOL}"}}'
    with client.chat.completions.create(model=SMOL, messages=STORY, max_tokens=8000, stream=True) as stream:
        next(iter(stream))
        assert server.metric(running) == 1
    until(lambda: server.metric(running) == 0)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=1).chat.completions.create(model=SMOL, messages=STORY, max_tokens=8000)
    until(lambda: server.metric(running) == 0)
    answer = client.chat.completions.create(model=SMOL, messages=CAPITAL, temperature=0)
    assert answer.choices[0].message.content == "The capital of France is Paris."


def test_a_full_queue_says_when_to_come_again(smollm2: Path) -> None:
    body = json.dumps({"model": SMOL, "messages": STORY, "max_tokens": 48, "temperature": 0}).encode()
    with running_server(smollm2, "--streams", "1", "--queue", "1") as running, ThreadPoolExecutor(6) as executor:
        running.client().chat.completions.create(model=SMOL, messages=STORY, max_tokens=1)
        answers = list(executor.map(lambda _: running.send(CHAT, body), range(6)))
    refused = [(text, headers) for status, text, headers in answers if status == 429]
    answered = [json.loads(text)["choices"][0]["message"]["content"] for status, text, _ in answers if status == 200]
    assert len(refused) + len(answered) == 6
    assert refused
    assert answered
    assert len(set(answered)) == 1
    for text, headers in refused:
        assert int(headers["Retry-After"]) >= 1
        assert json.loads(text)["error"]["code"] == "rate_limit_exceeded"


def test_sigterm_lets_answers_end_and_leaves_nothing(smollm2: Path) -> None:
    with running_server(smollm2) as running, ThreadPoolExecutor(1) as executor:
        running.client().chat.completions.create(model=SMOL, messages=STORY, max_tokens=1)
        family = running.process.children(recursive=True)
        assert len(family) >= 1
        stream = running.client().chat.completions.create(
            model=SMOL, messages=STORY, max_tokens=48, temperature=0, stream=True
        )
        first = next(iter(stream))
        running.process.terminate()
        chunks = executor.submit(lambda: [first, *stream]).result()
        assert chunks[-1].choices[0].finish_reason == "length"
        assert running.process.wait(30) == 0
        until(lambda: not any(is_alive(process) for process in family))


def test_processes_of_a_model_that_are_lost_are_started_again(server: Running, client: OpenAI) -> None:
    options: Any = {"model": SMOL, "temperature": 0}
    client.chat.completions.create(**options, messages=CAPITAL)
    (host,) = [p for p in server.process.children() if SMOL in p.cmdline()]
    stream = client.chat.completions.create(**options, messages=STORY, stream=True)
    next(iter(stream))
    for process in [*host.children(), host]:
        process.kill()
    with pytest.raises(openai.APIError, match="ended before the answer"):
        list(stream)
    answer = client.chat.completions.create(**options, messages=CAPITAL)
    assert answer.choices[0].message.content == "The capital of France is Paris."


def test_the_longest_unused_model_makes_room(tmp_path: Path) -> None:
    names = ("tiny-a", "tiny-b")
    folders = [write_tiny_phi3(tmp_path / name) for name in names]
    with running_server(*folders, "--streams", "1", "--memory", "0.22") as running:

        def ask(name: str) -> str | None:
            made = running.client().chat.completions.create(
                model=name, messages=[{"role": "user", "content": "the answer"}], max_tokens=4, temperature=0
            )
            return made.choices[0].message.content

        def states() -> list[str]:
            models = json.loads(running.get("/health")[1])["models"]
            return [models[name] for name in names]

        assert states() == ["on demand", "on demand"]
        first = ask("tiny-a")
        assert states() == ["loaded", "on demand"]
        ask("tiny-b")
        assert states() == ["on demand", "loaded"]
        assert ask("tiny-a") == first
        assert len(running.process.children(recursive=True)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "is open to other machines: set a token"),
        (["--memory", "0.1"], "needs about 0.3 GB"),
        (["--streams", "0"], "must be 1 or more"),
        (["--port", "99999"], "--port is 99999: use 1 to 65535"),
        (["--memory", "nan"], "--memory is nan: use a number of GB"),
        (["--token-file", "/nowhere"], "cannot be read"),
    ],
)
def test_a_server_that_cannot_be_says_why_before_it_starts(
    smollm2: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BAKEOFF_SERVE_TOKEN", raising=False)
    assert main(["serve", str(smollm2), "--streams", "1", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_a_token_is_asked_for_and_never_shown(smollm2: Path) -> None:
    with running_server(smollm2, env={"BAKEOFF_SERVE_TOKEN": "secret-7"}) as running:
        assert "secret-7" not in running.said
        assert running.get("/health")[0] == 200
        assert [running.get("/v1/models", token)[0] for token in (None, "secret-8", "secret-7")] == [401, 401, 200]
        assert json.loads(running.get("/metrics")[1])["error"]["code"] == "invalid_api_key"
        assert [model.id for model in running.client("secret-7").models.list()] == [SMOL]


def test_many_clients_get_their_own_answers_and_every_refusal_is_an_error_object(
    server: Running, client: OpenAI
) -> None:
    expected = {}
    for question in ("Name a colour.", "What is 2 plus 3?", "Who wrote Hamlet?", "Say hello."):
        made = client.chat.completions.create(
            model=SMOL, messages=[{"role": "user", "content": question}], max_tokens=ANSWER_TOKENS, temperature=0
        )
        expected[question] = made.choices[0].message.content or ""
    assert len(set(expected.values())) == len(expected)
    address = server.url.removeprefix("http://").removesuffix("/v1")
    assert soak(address, SMOL, expected, 100, 16, seed=3).total() == 100
    until(lambda: server.metric(f'bakeoff_running{{model="{SMOL}"}}') == 0)
