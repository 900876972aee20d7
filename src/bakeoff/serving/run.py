"""Run the server until it is told to stop."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

BACKLOG = 512
GRACE_SECONDS = 30
KEEP_ALIVE_SECONDS = 3600


class Server(uvicorn.Server):
    """A uvicorn server that runs `ready` beside it once it listens; where that fails, it stops and raises the same."""

    def __init__(self, config: uvicorn.Config, ready: "Callable[[Server], Awaitable[None]]"):
        super().__init__(config)
        self._ready = ready
        self.beside: asyncio.Future[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.beside = asyncio.ensure_future(self._ready(self))
        self.beside.add_done_callback(self._stop_where_it_failed)

    def _stop_where_it_failed(self, done: "asyncio.Future[None]") -> None:
        if not done.cancelled() and done.exception():
            self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket for the server; port 0 takes a free one. Raises OSError where the address cannot be used.

    TCP is named because asyncio switches Nagle's algorithm off only then: a small answer would wait 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def run(app: ASGIApp, listening: socket.socket, ready: Callable[[Server], Awaitable[None]]) -> None:
    """Serve until SIGINT or SIGTERM: then nothing new is taken, and answers under way have GRACE_SECONDS to end."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = Server(config, ready)

    async def serve() -> None:
        await server.serve([listening])
        if server.beside and server.beside.done():
            server.beside.result()

    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again when it has stopped
        asyncio.run(serve())
