"""Where the server of a shared model is: found, or started by the first process that needs it.

A server leaves its address in a file of the cache folder; a lock beside it lets one process at a time look and start.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bakeoff
from bakeoff import catalog
from bakeoff.catalog.cache import cache_folder
from bakeoff.errors import BakeoffError
from bakeoff.serving import memory

WORKERS = "PF_WORKER_COUNT"
PROMPT_FLOW_WORKERS = 4
START_SECONDS = 600.0
LOOK_SECONDS = 0.01
"""Between two looks for a server that starts."""
FRUGAL = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "1000000"}
"""Let glibc give free memory back to the system (`man mallopt`)."""
Json = Mapping[str, Any]


class UnavailableError(BakeoffError):
    """No server can be started here; the process can still load a copy of its own."""


@dataclass(frozen=True)
class Address:
    """A running server: process, ports for requests and for users, its token, what it says of the model, and its log.

    It runs for as long as a user keeps a connection.
    """

    pid: int
    port: int
    users: int
    token: str
    facts: Mapping[str, Any]
    log: Path


class Link:
    """A running server, kept running for as long as this object lives. Raises OSError where it is gone."""

    def __init__(self, address: Address):
        self.address = address
        weakref.finalize(self, socket.create_connection(("127.0.0.1", address.users)).close)

    def ask(self, request: Json) -> Json:
        """The reply to a request. Raises OSError where the server ends before."""
        line = json.dumps({**request, "token": self.address.token}).encode() + b"\n"
        with socket.create_connection(("127.0.0.1", self.address.port)) as connection:
            connection.sendall(line)
            with connection.makefile("rb") as replies:
                reply = replies.readline()
        if not reply.endswith(b"\n"):
            raise ConnectionResetError(f"the server {self.address.pid} ended before its answer")
        answer: Json = json.loads(reply)
        return answer


def reach(folder: Path, name: str) -> Link:
    """The model's server, which is started where there is none.

    Raises BakeoffError where there is no room for the model, UnavailableError where the server does not start.
    """
    from filelock import FileLock

    servers = servers_folder()
    try:
        servers.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UnavailableError(f"{servers} cannot be made: {error.strerror}") from error
    content = f"{bakeoff.__version__} {folder} {catalog.revision(folder)}"
    record = servers / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"
    with FileLock(record.with_suffix(".lock")).acquire(poll_interval=LOOK_SECONDS):
        return _running(record) or _start(folder, name, record)


def servers_folder() -> Path:
    """Where running servers leave their addresses."""
    return cache_folder() / "servers"


def read_record(record: Path) -> Address | None:
    """What a server wrote down; None where there is nothing, or the process is gone."""
    import psutil

    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        address = Address(**found, log=record.with_suffix(".log"))
    except (OSError, ValueError, TypeError):
        return None
    return address if psutil.pid_exists(address.pid) else None


def workers() -> int:
    """Workers of the batch that this process is one of, as Prompt Flow reads it."""
    said = os.environ.get(WORKERS, "")
    return int(said) if said.isdecimal() and int(said) else PROMPT_FLOW_WORKERS


def _running(record: Path) -> Link | None:
    """The server of a record, if it is there."""
    address = read_record(record)
    try:
        return Link(address) if address else None
    except OSError:
        return None


def _start(folder: Path, name: str, record: Path) -> Link:
    streams, processes = min(workers(), memory.STREAMS), min(workers(), memory.cores())
    memory.check_room(folder, streams, memory.free())
    package = str(Path(bakeoff.__file__).parents[1])
    record.unlink(missing_ok=True)
    log = record.with_suffix(".log")
    numbers = str(streams), str(processes)
    command = ("-m", "bakeoff.serving.shared_server", str(folder), name, *numbers, str(record))
    try:
        with log.open("w", encoding="utf-8") as said:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=record.parent,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=os.environ | FRUGAL | {"PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])},
                start_new_session=True,
            )
    except OSError as error:
        raise UnavailableError(f"no process can be started: {error}") from error
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        link = _running(record)
        if link:
            return link
        time.sleep(LOOK_SECONDS)
    if process.poll() is None:
        process.kill()
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise UnavailableError(f"the server did not start: {last[0] if last else 'it said nothing'} ({log})")
