"""The server of one model that the workers of batches share.

    python -m bakeoff.serving.shared_server FOLDER NAME STREAMS RECORD

It listens on a free port of the loopback interface, asks for a token that only this user can read, and writes both into
RECORD once the model is loaded. It stops when no client has been connected for LINGER_SECONDS: clients keep a
connection, and the system closes those of a client that was killed.
"""

import asyncio
import json
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from bakeoff.serving.app import create_app
from bakeoff.serving.memory import free
from bakeoff.serving.models import Models
from bakeoff.serving.run import Server, listen, run

LINGER_SECONDS = 5.0
QUEUE = 1024


def main() -> None:
    folder, name, streams, record = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    token = secrets.token_hex(32)
    listening = listen("127.0.0.1", 0)
    written = json.dumps({"pid": os.getpid(), "port": listening.getsockname()[1], "token": token})
    models = Models({name: folder}, streams, QUEUE, free())

    async def announce(server: Server) -> None:
        facts = (await models.get(name)).facts
        temporary = record.with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({**json.loads(written), "facts": facts}), encoding="utf-8")
        temporary.replace(record)
        await _until_unused(server)
        server.should_exit = True

    try:
        run(create_app(models, token), listening, announce)
    finally:
        with suppress(OSError, ValueError):
            if json.loads(record.read_text(encoding="utf-8"))["pid"] == os.getpid():
                record.unlink()


async def _until_unused(server: Server) -> None:
    clock = asyncio.get_running_loop().time
    last_used = clock()
    while clock() < last_used + LINGER_SECONDS:
        await asyncio.sleep(1)
        if server.server_state.connections:
            last_used = clock()


if __name__ == "__main__":
    main()
