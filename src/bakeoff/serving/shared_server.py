"""The server of one model that the workers of batches share.

    python -m bakeoff.serving.shared_server FOLDER NAME STREAMS PROCESSES RECORD

It answers STREAMS requests at once in one process, or one in each of PROCESSES (bakeoff.serving.loading). They take
connections from one free port of the loopback interface; the system keeps those that wait, in their order. A connection
is a request: a line of JSON with the token that only this user can read, answered by a line. There is no process before
those of the model, so that a batch pays for no other.

Clients keep a connection to a second port for as long as they want the server. It stops when there has been none for
LINGER_SECONDS: the system closes that of a client that was killed. Both ports and the token are in RECORD once the
model is loaded.
"""

import gc
import hmac
import json
import os
import secrets
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bakeoff.models.onnx_runtime import THREADS_VARIABLE
from bakeoff.serving import memory
from bakeoff.serving.answering import Answering, facts
from bakeoff.serving.loading import load
from bakeoff.serving.wire import Lines, readable, send

LINGER_SECONDS = 5.0
QUEUE = 512
ARRIVAL_SECONDS = 10.0
"""For a request to arrive whole once its connection is taken."""


def main() -> None:
    folder, name, record = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[5])
    streams, processes = int(sys.argv[3]), int(sys.argv[4])
    each = os.environ.get(THREADS_VARIABLE, "")
    if each.isdecimal():  # what the workers may use together
        os.environ[THREADS_VARIABLE] = str(min(int(each) * streams, memory.cores()))
    loaded = load(folder, name, streams, processes)
    token = secrets.token_hex(32)
    requests, users = (socket.create_server(("127.0.0.1", 0), backlog=QUEUE) for _ in range(2))
    for listening in (requests, users):
        listening.setblocking(False)
    gc.freeze()  # the collector would write into every page that the processes share
    others: list[socket.socket] = []
    for _ in range(loaded.processes - 1):
        mine, theirs = socket.socketpair()
        if os.fork() == 0:
            for end in (users, mine, *others):
                end.close()
            try:
                _Server(loaded.answering(), 1, token, requests).serve([theirs])
            except Exception:
                traceback.print_exc()
            os._exit(0)  # as in bakeoff.serving.worker: a forked process cannot shut the runtime down
        theirs.close()
        others.append(mine)
    addresses = {"port": requests.getsockname()[1], "users": users.getsockname()[1]}
    said = {"pid": os.getpid(), **addresses, "token": token, "facts": facts(loaded.model)}
    temporary = record.with_suffix(f".{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(said), encoding="utf-8")
    temporary.replace(record)
    try:
        at_once, answering = loaded.streams // loaded.processes, loaded.answering()
        del loaded  # what `answering` forgets is free then
        _Server(answering, at_once, token, requests, users).serve(others)
    finally:
        with suppress(OSError, ValueError):
            if json.loads(record.read_text(encoding="utf-8"))["pid"] == os.getpid():
                record.unlink()


class _Server:
    """One of the server's processes, for `most` requests at once. users: of the one that says when to stop."""

    def __init__(
        self,
        answering: Answering,
        most: int,
        token: str,
        requests: socket.socket,
        users: socket.socket | None = None,
    ):
        self._answering, self._most, self._token = answering, most, token
        self._requests, self._users = requests, users
        self._kept: set[socket.socket] = set()
        self._arriving: dict[socket.socket, tuple[Lines, float]] = {}
        self._under_way: set[socket.socket] = set()

    def serve(self, others: Sequence[socket.socket]) -> None:
        """Answer until nobody uses the server, or another process has ended: `others` are closed then."""
        last_used = time.monotonic()
        while self._users is None or time.monotonic() < last_used + LINGER_SECONDS:
            listening = [self._requests] if len(self._arriving) + len(self._under_way) < self._most else []
            listening += [self._users] if self._users else []
            watched = [*listening, *others, *self._kept, *self._arriving, *self._under_way]
            ready = readable(watched, 0.0 if self._answering.busy else 1.0)
            if not ready.isdisjoint(others):
                return
            for user in ready & self._kept:
                self._kept.remove(user)
                user.close()
            while self._users and (new := _taken(self._users)):
                self._kept.add(new)
            self._receive(ready)
            for connection, reply in self._answering.advance():
                if "end" in reply:
                    self._end(connection, reply)
            if self._kept:  # after the step, which may take longer than LINGER_SECONDS
                last_used = time.monotonic()

    def _receive(self, ready: set[socket.socket]) -> None:
        for connection in ready & self._under_way:
            self._answering.cancel(connection)
            self._end(connection)
        if self._requests in ready and (new := _taken(self._requests)):
            self._arriving[new] = Lines(new), time.monotonic() + ARRIVAL_SECONDS
        for connection, (lines, deadline) in list(self._arriving.items()):
            complete = lines.read() if connection in ready else []
            if complete or lines.ended or time.monotonic() > deadline:
                del self._arriving[connection]
                self._under_way.add(connection)
                request = self._request(complete[0]) if complete else None
                if request is None:
                    self._end(connection)
                else:
                    self._answering.begin(connection, request)

    def _request(self, line: bytes) -> dict[str, Any] | None:
        """What a line asks; None where it is none of this user's."""
        with suppress(ValueError):
            request = json.loads(line)
            if isinstance(request, dict):
                given = str(request.pop("token", "")).encode()
                return request if hmac.compare_digest(given, self._token.encode()) else None
        return None

    def _end(self, connection: socket.socket, reply: dict[str, Any] | None = None) -> None:
        self._under_way.remove(connection)
        with connection, suppress(OSError):
            if reply:
                send(connection, reply)


def _taken(listening: socket.socket) -> socket.socket | None:
    """The next connection; None where there is none."""
    try:
        connection = listening.accept()[0]
    except BlockingIOError:
        return None
    connection.setblocking(True)
    return connection


if __name__ == "__main__":
    main()
