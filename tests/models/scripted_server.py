"""A real HTTP server on 127.0.0.1 that plays scripted answers in the OpenAI protocol."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bakeoff.models.endpoint import Endpoint
from bakeoff.models.openai_chat import OpenAIChatModel

KEY = "k5f2d0not0a0real0key09e1c"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


Reply = Callable[["Handler"], None]


@dataclass
class ScriptedServer:
    """Answers each request with the next reply of the script and keeps the requests.

    route: where there is one, it chooses the reply by the body of a request instead.
    """

    url: str
    released: threading.Event
    script: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    route: Callable[[Any], Reply] | None = None

    def model(self, kind: Any = "openai", **changes: Any) -> OpenAIChatModel:
        values = {"api_key": KEY, "timeout": 10.0, "max_retries": 0, "api_version": "", **changes}
        base_url = self.url if kind == "azure_openai" else f"{self.url}/v1"
        return OpenAIChatModel(Endpoint(kind, values.pop("base_url", base_url), **values), "mini")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        scripted = self.server.scripted
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        scripted.requests.append(Request(self.command, self.path, headers, json.loads(body) if body else None))
        if scripted.route:
            scripted.route(scripted.requests[-1].body)(self)
        elif scripted.script:
            scripted.script.pop(0)(self)
        else:
            send(self, 418, {"error": {"message": "the script is over"}})

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    scripted: ScriptedServer
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is part of these tests; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """On a free port until the end of the block; what still hangs is released then."""
    http = Server(("127.0.0.1", 0), Handler)
    scripted = ScriptedServer(f"http://127.0.0.1:{http.server_address[1]}", threading.Event())
    http.scripted = scripted
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield scripted
    finally:
        scripted.released.set()
        http.shutdown()
        thread.join()
        http.server_close()


def send(handler: Handler, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    handler.send_response(status)
    given = {"Content-Type": "text/html" if isinstance(body, str) else "application/json", **(headers or {})}
    for name, value in {**given, "Content-Length": str(len(data))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def plain(status: int, body: Any, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: send(handler, status, body, named)


def error(status: int, message: str = "no", **more: Any) -> Reply:
    return plain(status, {"error": {"message": message, **more}}, retry_after_ms="1")


def sse(*events: Any, then: str = "[DONE]") -> Reply:
    """A stream of events; `then` is the last data, or `drop`, `close` (a clean end) or `hang`."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        last = [then] if then not in ("drop", "close", "hang") else []
        for event in [*events, *last]:
            text = event if isinstance(event, str) else json.dumps(event)
            data = f"data: {text}\n\n".encode()
            handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        if then == "hang":
            handler.server.scripted.released.wait(30)
        if then == "drop":
            handler.close_connection = True
        else:
            handler.wfile.write(b"0\r\n\r\n")

    return reply


def slow(*events: Any, pause: float) -> Reply:
    """A stream with a pause (seconds) before each event, until nobody listens any more."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.close_connection = True
        for event in events:
            if handler.server.scripted.released.wait(pause):
                return
            handler.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

    return reply


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return {"id": "1", "object": "chat.completion.chunk", "model": "mini-2024-07-18", "choices": [choice]}


ROLE = chunk("", delta={"role": "assistant", "content": ""})
USAGE = {
    "id": "1",
    "choices": [],
    "model": "mini-2024-07-18",
    "system_fingerprint": "fp_1",
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}
ANSWER = (ROLE, chunk("Hi"), chunk(" there"), chunk(finish="stop"), USAGE)
