"""OpenAIEmbeddingModel against a real HTTP server on 127.0.0.1."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from bakeoff.errors import EndpointError, InputError, PromptTooLongError
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.load import load_embedding
from bakeoff.models.openai_embedding import MOST_CHARACTERS, MOST_TEXTS, OpenAIEmbeddingModel, batches

KEY = "k5f2d0not0a0real0key09e1c"
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def vector(text: str) -> list[float]:
    """Not of length 1, and another for every length of text."""
    return [3.0, float(len(text)), 4.0]


def good(body: dict[str, Any]) -> tuple[int, Any]:
    """The vectors in reverse order, as the protocol allows."""
    rows = [{"object": "embedding", "index": i, "embedding": vector(t)} for i, t in enumerate(body["input"])]
    return 200, {"object": "list", "model": body["model"], "data": rows[::-1], "usage": {"total_tokens": 1}}


@dataclass
class Server:
    """Answers with `script` in turn, then well; keeps path, headers and body of each request."""

    url: str = ""
    script: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    def model(self, kind: Any = "openai", **changes: Any) -> OpenAIEmbeddingModel:
        base_url = self.url if kind == "azure_openai" else f"{self.url}/v1"
        values = {"api_key": KEY, "timeout": 10.0, "max_retries": 0, **changes}
        return OpenAIEmbeddingModel(Endpoint(kind, base_url, **values), "embed-small")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    playing = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            playing.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, answer = (playing.script.pop(0) if playing.script else good)(body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("retry-after-ms", "1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    playing.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield playing
    http.shutdown()
    thread.join()
    http.server_close()


def fixed(status: int, answer: Any) -> Answer:
    return lambda body: (status, answer)


def with_vectors(*vectors: Any) -> Answer:
    return fixed(200, {"data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)]})


def test_vectors_come_in_order_and_scaled(server: Server) -> None:
    model = server.model()
    found = model.embed(["a", "bb", "ccc"])
    expected = np.array([vector("a"), vector("bb"), vector("ccc")])
    assert (found.dtype, found.shape, model.dimension) == (np.float32, (3, 3), 3)
    assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert len(server.requests) == 1


def test_the_request_to_a_compatible_server(server: Server) -> None:
    server.model().embed(["a"])
    path, headers, body = server.requests[0]
    assert path == "/v1/embeddings"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {"model": "embed-small", "input": ["a"], "encoding_format": "float"}


def test_the_request_to_azure_names_the_deployment(server: Server) -> None:
    server.model("azure_openai", api_version="2024-10-21").embed(["a"])
    path, headers, _ = server.requests[0]
    assert path == "/openai/deployments/embed-small/embeddings?api-version=2024-10-21"
    assert headers["api-key"] == KEY


def test_many_texts_go_in_several_requests(server: Server) -> None:
    texts = ["x" * (1 + number % 7) for number in range(MOST_TEXTS + 3)]
    found = server.model().embed(texts)
    assert [len(body["input"]) for _, _, body in server.requests] == [MOST_TEXTS, 3]
    assert np.allclose(found[:, 1] / found[:, 0], [len(text) / 3 for text in texts])


def test_requests_hold_a_limited_number_of_characters() -> None:
    big, small = "x" * MOST_CHARACTERS, "y"
    assert [len(batch) for batch in batches([small, big, big + small, small, small])] == [1, 1, 1, 2]
    assert list(batches([])) == []


def test_the_dimension_is_asked_for_once(server: Server) -> None:
    model = server.model()
    assert model.embed([]).shape == (0, 3)
    assert model.dimension == 3
    assert len(server.requests) == 1


def test_a_busy_endpoint_is_asked_again(server: Server) -> None:
    server.script = [fixed(429, {"error": {"message": "slow down"}})]
    assert server.model(max_retries=1).embed(["a"]).shape == (1, 3)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (with_vectors([1.0, 2.0]), "1 vectors for 2 texts"),
        (with_vectors([1.0, 2.0], [1.0]), "vectors of different lengths"),
        (with_vectors([1.0, 2.0], ["a", "b"]), "not of numbers"),
        (with_vectors([1.0, 2.0], [0.0, 0.0]), "zero or not finite"),
        (with_vectors([], []), "zero or not finite"),
        (fixed(200, {"data": [{"index": 0, "embedding": [1.0]}] * 2}), "2 vectors for 2 texts, or wrong indices"),
        (fixed(200, {"choices": []}), "an answer without data"),
    ],
)
def test_answers_that_do_not_fit_are_errors(server: Server, answer: Answer, told: str) -> None:
    server.script = [answer]
    with pytest.raises(EndpointError, match=told):
        server.model().embed(["a", "b"])


def test_another_dimension_later_is_an_error(server: Server) -> None:
    model = server.model()
    model.embed(["a"])
    server.script = [with_vectors([1.0, 2.0])]
    with pytest.raises(EndpointError, match="vectors of 2 numbers, 3 before"):
        model.embed(["a"])


def test_a_refusal_says_what_to_do_without_the_key(server: Server) -> None:
    server.script = [fixed(401, {"error": {"message": f"bad key {KEY}"}})]
    with pytest.raises(EndpointError, match="check that the api_key") as caught:
        server.model().embed(["a"])
    assert caught.value.status == 401
    assert KEY not in str(caught.value)


def test_a_text_that_is_too_long_is_told(server: Server) -> None:
    server.script = [fixed(400, {"error": {"message": "This model's maximum context length is 8192 tokens"}})]
    with pytest.raises(PromptTooLongError, match="use smaller chunks"):
        server.model().embed(["a"])


@pytest.mark.parametrize(("texts", "told"), [(["a", ""], "text 2 .* is empty"), (["\ud800"], "lone surrogate")])
def test_what_an_endpoint_would_refuse_is_not_sent(server: Server, texts: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        server.model().embed(texts)
    assert server.requests == []


def test_load_embedding_reaches_an_endpoint_by_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = load_embedding("openai:embed-small")
    assert load_embedding("openai:embed-small") is model
    assert model.embed(["a"]).shape == (1, 3)
    assert (model.identity.name, model.identity.provider, model.max_tokens) == ("embed-small", "openai", None)
