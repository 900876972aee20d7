"""When a process of the shared server stops."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from bakeoff.serving import shared_server


class Slow:
    """Needs three steps of six seconds for its answer, and then its user goes."""

    busy = True

    def __init__(self, user: socket.socket):
        self.user, self.now, self.steps = user, 0.0, 0

    def monotonic(self) -> float:
        self.now += 0.1
        return self.now

    def advance(self) -> list[Any]:
        self.now += shared_server.LINGER_SECONDS + 1
        self.steps += 1
        if self.steps == 3:
            self.user.close()
        return []


@pytest.fixture
def listening() -> Iterator[list[socket.socket]]:
    ends = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    for end in ends:
        end.setblocking(False)
    yield ends
    for end in ends:
        end.close()


def test_a_step_may_take_longer_than_it_lingers(
    listening: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, users = listening
    model = Slow(socket.create_connection(users.getsockname()))
    monkeypatch.setattr(shared_server, "time", SimpleNamespace(monotonic=model.monotonic))
    shared_server._Server(model, 1, "token", requests, users).serve([])  # type: ignore[arg-type]
    assert model.steps > 3
