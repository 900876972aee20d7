"""Run the server until it is told to stop."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from starlette.types import ASGIApp

BACKLOG = 512
GRACE_SECONDS = 30


def listen(host: str, port: int) -> socket.socket:
    """A socket for the server; port 0 takes a free one. Raises OSError where the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def run(app: ASGIApp, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM: then nothing new is taken, and answers under way have GRACE_SECONDS to end."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=GRACE_SECONDS
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again when it has stopped
        asyncio.run(Server(config).serve([listening]))
