"""The OpenAI-compatible server as an ASGI application."""

import asyncio
import base64
import hmac
import json
import struct
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bakeoff.errors import BakeoffError
from bakeoff.serving.api_errors import ApiError, to_api_error
from bakeoff.serving.chat_request import ChatRequest, read_chat_request, read_model
from bakeoff.serving.chat_response import ChatResponse
from bakeoff.serving.metrics import Metrics
from bakeoff.serving.models import Models
from bakeoff.serving.wire import messages_to_json, parameters_to_json

MAX_BODY = 32 * 2**20
MOST_READ = 8 * MAX_BODY
CLIENT_GONE = 499
Replies = AsyncGenerator[dict[str, Any], None]
T = TypeVar("T")


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def create_app(models: Models, token: str | None = None) -> ASGIApp:
    """The server's application. token: what `Authorization: Bearer` must give (None: nobody is asked)."""
    metrics = Metrics()
    server = _Server(models, metrics)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await models.stop()

    routes = [
        Route("/health", server.health),
        Route("/metrics", server.metrics_text),
        Route("/v1/models", server.list_models),
        Route("/v1/models/{name}", server.show_model),
        Route("/v1/chat/completions", server.chat, methods=["POST"]),
        Route("/v1/embeddings", server.embeddings, methods=["POST"]),
    ]
    handlers: Any = {
        ApiError: _refuse,
        BakeoffError: _fail,
        HTTPException: _no_route,
        ClientGone: _gone,
        Exception: _unexpected,
    }
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    return _Gate(app, metrics, token)


class _Gate:
    """Asks for the token, and counts every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, token: str | None):
        self._app, self._metrics, self._token = app, metrics, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = time.perf_counter(), CLIENT_GONE

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self._is_let_in(scope):
                await self._app(scope, receive, note_status)
            else:
                error = ApiError(401, "give the server's token as Authorization: Bearer ...", code="invalid_api_key")
                await _error_response(error)(scope, receive, note_status)
        finally:
            routes = ("/health", "/metrics", "/v1/models", "/v1/chat/completions", "/v1/embeddings")
            path = scope["path"] if scope["path"] in routes else "other"
            self._metrics.observe(path, status, time.perf_counter() - started)

    def _is_let_in(self, scope: Scope) -> bool:
        if self._token is None or scope["path"] == "/health":
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, f"Bearer {self._token}".encode())


class _Server:
    """The routes."""

    def __init__(self, models: Models, metrics: Metrics):
        self._models, self._metrics = models, metrics

    async def health(self, request: Request) -> Response:
        states = {name: "loaded" if name in self._models.loaded else "on demand" for name in self._models.folders}
        return _json({"status": "ok", "models": states})

    async def metrics_text(self, request: Request) -> Response:
        return Response(self._metrics.text(self._models), media_type="text/plain; version=0.0.4")

    async def list_models(self, request: Request) -> Response:
        return _json({"object": "list", "data": [self._model(name) for name in self._models.names]})

    async def show_model(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._models.names:
            raise ApiError(404, f"the model {name!r} does not exist here", param="model", code="model_not_found")
        return _json(self._model(name))

    async def chat(self, request: Request) -> Response:
        asked = read_chat_request(await _body(request))
        pool = await self._models.get(asked.model)
        response = ChatResponse(asked.model, pool.facts["identity"]["revision"], asked.top_logprobs is not None)
        if asked.stream:
            replies = pool.ask(_to_worker(asked) | self._models.adapter(asked.model))
            first = await _unless_gone(request, anext(replies))
            events = self._events(asked, response, first, replies)
            return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        *pieces, last = await _unless_gone(request, self._all(asked.model, _to_worker(asked)))
        self._count(asked.model, last["completion"])
        logprobs = [logprob for piece in pieces for logprob in piece["logprobs"]]
        return _json(response.whole(last["completion"], logprobs))

    async def _events(
        self, asked: ChatRequest, response: ChatResponse, reply: dict[str, Any], replies: Replies
    ) -> AsyncIterator[bytes]:
        async with aclosing(replies):
            yield _event(response.first())
            try:
                while "completion" not in reply:
                    yield _event(response.piece(reply["text"], reply["logprobs"]))
                    reply = await anext(replies)
            except BakeoffError as error:
                yield _event(to_api_error(error).body())
                return
            self._count(asked.model, reply["completion"])
            yield _event(response.last(reply["completion"]))
            if asked.include_usage:
                yield _event(response.usage(reply["completion"]))
            yield b"data: [DONE]\n\n"

    async def embeddings(self, request: Request) -> Response:
        body = await _body(request)
        model, texts = read_model(body), body.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ApiError(400, "input must be a text or a list of texts (no token ids)", param="input")
        encoding = body.get("encoding_format") or "float"
        if encoding not in ("float", "base64"):
            raise ApiError(400, "encoding_format must be float or base64", param="encoding_format")
        (reply,) = await _unless_gone(request, self._all(model, {"kind": "embed", "texts": texts}))
        dimension = self._models.loaded[model].facts["dimension"]
        if body.get("dimensions") not in (None, dimension):
            raise ApiError(400, f"{model} has {dimension} dimensions and cannot give others", param="dimensions")
        vectors = reply["vectors"]
        if encoding == "base64":
            vectors = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
        used = {"prompt_tokens": reply["tokens"], "total_tokens": reply["tokens"]}
        self._metrics.tokens[model, "prompt"] += reply["tokens"]
        return _json({"object": "list", "data": data, "model": model, "usage": used})

    async def _all(self, model: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        pool = await self._models.get(model)
        async with aclosing(pool.ask({**request, **self._models.adapter(model)})) as replies:
            return [reply async for reply in replies]

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._models.created, "owned_by": "bakeoff"}

    def _count(self, model: str, completion: Mapping[str, Any]) -> None:
        self._metrics.tokens[model, "prompt"] += completion["prompt_tokens"]
        self._metrics.tokens[model, "completion"] += completion["completion_tokens"]


def _to_worker(asked: ChatRequest) -> dict[str, Any]:
    return {
        "kind": "chat",
        "messages": messages_to_json(asked.messages),
        "parameters": parameters_to_json(asked.parameters),
        "top_logprobs": asked.top_logprobs,
        "stream": asked.stream,
    }


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises ApiError 413 for one above MAX_BODY and 400 for what is none.

    What is too large is read to its end and thrown away, up to MOST_READ: a client that is still sending would get a
    broken connection in place of the refusal.
    """
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= MAX_BODY:
            pieces.append(piece)
        elif size > MOST_READ:
            break
    if size > MAX_BODY:
        raise ApiError(413, f"the body is larger than {MAX_BODY:,} bytes", code="request_too_large")
    try:
        body = json.loads(b"".join(pieces))
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not valid JSON: {error}", code="invalid_json") from None
    if not isinstance(body, dict):
        raise ApiError(400, "the body is not a JSON object", code="invalid_json")
    return body


async def _unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, cancelled when the client goes away. Raises ClientGone then."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, watch = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        for other in (task, watch):
            other.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


def _event(body: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _json(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, media_type="application/json")


def _error_response(error: ApiError) -> Response:
    return _json(error.body(), error.status, error.headers)


async def _refuse(request: Request, error: ApiError) -> Response:
    return _error_response(error)


async def _fail(request: Request, error: BakeoffError) -> Response:
    return _error_response(to_api_error(error))


async def _no_route(request: Request, error: HTTPException) -> Response:
    said = f"{request.method} {request.url.path}: {error.detail}"
    return _error_response(ApiError(error.status_code, said, code="unknown_url"))


async def _gone(request: Request, error: ClientGone) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _unexpected(request: Request, error: Exception) -> Response:
    return _error_response(
        ApiError(500, f"a fault of the server ({type(error).__name__}): see its log", "server_error")
    )
