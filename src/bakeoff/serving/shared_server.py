"""The server of one model that the workers of batches share.

    python -m bakeoff.serving.shared_server FOLDER NAME STREAMS RECORD

STREAMS forked processes take connections from one free port of the loopback interface, one at a time each; the system
keeps those that wait, in their order. A connection is a request: a line of JSON with the token that only this user can
read, answered by a line. There is no process before those of the model, so that a batch pays for no other.

Clients keep a connection to a second port for as long as they want the server. It stops when there has been none for
LINGER_SECONDS: the system closes that of a client that was killed. Both ports and the token are in RECORD once the
model is loaded.
"""

import gc
import hmac
import json
import os
import secrets
import select
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.serving.wire import error_to_json
from bakeoff.serving.worker import answer, facts, send

LINGER_SECONDS = 5.0
QUEUE = 512
ARRIVAL_SECONDS = 10.0
"""For a request to arrive whole once its connection is taken."""
LONGEST_REQUEST = 2**28


def main() -> None:
    folder, name, streams, record = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    if streams > 1:
        os.environ["BAKEOFF_THREADS"] = "1"  # a forked process has no threads but its own
    model = OnnxChatModel(folder, name)
    token = secrets.token_hex(32)
    requests, users = (socket.create_server(("127.0.0.1", 0), backlog=QUEUE) for _ in range(2))
    for listening in (requests, users):
        listening.setblocking(False)
    gc.freeze()  # the collector would write into every page that the processes share
    others: list[socket.socket] = []
    for _ in range(streams - 1):
        mine, theirs = socket.socketpair()
        if os.fork() == 0:
            for end in (users, mine, *others):
                end.close()
            try:
                _serve_others(model, token, requests, theirs)
            except Exception:
                traceback.print_exc()
            os._exit(0)  # as in bakeoff.serving.worker: a forked process cannot shut the runtime down
        theirs.close()
        others.append(mine)
    said = {"port": requests.getsockname()[1], "users": users.getsockname()[1], "token": token, "facts": facts(model)}
    temporary = record.with_suffix(f".{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps({"pid": os.getpid(), **said}), encoding="utf-8")
    temporary.replace(record)
    try:
        _serve(model, token, requests, users, others)
    finally:
        with suppress(OSError, ValueError):
            if json.loads(record.read_text(encoding="utf-8"))["pid"] == os.getpid():
                record.unlink()


def _serve(
    model: OnnxChatModel,
    token: str,
    requests: socket.socket,
    users: socket.socket,
    others: Sequence[socket.socket],
) -> None:
    """Answer until nobody uses the server, or one of the other processes has ended."""
    kept: list[socket.socket] = []
    last_used = time.monotonic()
    while time.monotonic() < last_used + LINGER_SECONDS:
        ready = _readable([requests, users, *others, *kept], 1.0)
        if ready & set(others):
            return
        for user in ready & set(kept):
            kept.remove(user)
            user.close()
        while (new := _taken(users)) is not None:
            kept.append(new)
        if requests in ready:
            _answer_next(model, token, requests)
        if kept:
            last_used = time.monotonic()


def _serve_others(model: OnnxChatModel, token: str, requests: socket.socket, first: socket.socket) -> None:
    """Answer beside the first process until that has ended."""
    while first not in (ready := _readable([requests, first], None)):
        if requests in ready:
            _answer_next(model, token, requests, first)


def _answer_next(model: OnnxChatModel, token: str, requests: socket.socket, first: socket.socket | None = None) -> None:
    """Answer the request that waits longest, unless another process has taken it or its client goes away."""
    connection = _taken(requests)
    if connection is None:
        return
    watched = [connection, first] if first else [connection]
    with connection, suppress(OSError):
        request = _request(connection, token)
        last: dict[str, Any] = {}
        try:
            with closing(answer(model, request)) as replies:
                for reply in replies:
                    last = reply
                    if _readable(watched, 0.0):
                        return
        except BakeoffError as error:
            last = {"error": error_to_json(error)}
        send(connection, last)


def _request(connection: socket.socket, token: str) -> dict[str, Any]:
    """Raises OSError where it is none of this user's."""
    connection.settimeout(ARRIVAL_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection.makefile("rb") as lines:
        line = lines.readline(LONGEST_REQUEST)
    with suppress(ValueError):
        request = json.loads(line)
        if isinstance(request, dict) and hmac.compare_digest(str(request.pop("token", "")).encode(), token.encode()):
            return request
    raise ConnectionRefusedError("a request without the token")


def _taken(listening: socket.socket) -> socket.socket | None:
    """The next connection; None where there is none."""
    try:
        return listening.accept()[0]
    except BlockingIOError:
        return None


def _readable(sockets: Sequence[socket.socket], seconds: float | None) -> set[socket.socket]:
    return set(select.select(sockets, [], [], seconds)[0])


if __name__ == "__main__":
    main()
