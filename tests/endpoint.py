"""A chat endpoint in the OpenAI protocol that answers from this process, for flows that run in others."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}


@dataclass
class Endpoint:
    """url: its base, without /v1. paths: asked for so far.

    A question `HTTP nnn` is answered with that status, and every question of a model (deployment) of that name.
    """

    url: str
    paths: list[str] = field(default_factory=list)


@contextmanager
def endpoint(says: str | Mapping[str, str] | Callable[[list[dict[str, Any]]], str] = "") -> Iterator[Endpoint]:
    """Serve until the end of the block. says: every answer, or one by model, or what makes one of the messages; without
    it the answer repeats the question."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.paths.append(self.path)
            content = request["messages"][-1]["content"]
            question = content if isinstance(content, str) else json.dumps(content)
            for wish in (question, request["model"]):
                if wish.startswith("HTTP "):
                    return self.send(int(wish.removeprefix("HTTP ")), {"error": {"message": "as you wished"}})
            if callable(says):
                answer = says(request["messages"])
            else:
                answer = (says if isinstance(says, str) else says[request["model"]]) or f"You said {question}"
            if not request.get("stream"):
                message = {"role": "assistant", "content": answer}
                choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
                whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "usage": USAGE}
                return self.send(200, whole | {"choices": choices})
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for choices, more in (
                ([{"index": 0, "delta": {"role": "assistant", "content": answer}}], {}),
                ([{"index": 0, "delta": {}, "finish_reason": "stop"}], {}),
                ([], {"usage": USAGE}),
            ):
                event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", **more}
                self.wfile.write(f"data: {json.dumps({**event, 'choices': choices})}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Endpoint(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
