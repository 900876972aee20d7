"""Where the server of a shared model is: found, or started by the first process that needs it.

A server leaves its address in a file of the cache folder; a lock beside it lets one process at a time look and start.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
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
LIVENESS_SECONDS = 10.0
START_SECONDS = 600.0


class UnavailableError(BakeoffError):
    """No server can be started here; the process can still load a copy of its own."""


@dataclass(frozen=True)
class Address:
    """A running server: process, port, the token it asks for, what it says of the model, and its log."""

    pid: int
    port: int
    token: str
    facts: Mapping[str, Any]
    log: Path


def reach(folder: Path, name: str) -> Address:
    """The address of the model's server, which is started where there is none.

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
    with FileLock(record.with_suffix(".lock")):
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


def streams() -> int:
    """Answers at once of a shared model: a core each, as far as there are workers to ask for them."""
    workers = os.environ.get(WORKERS, "")
    asked = int(workers) if workers.isdecimal() and int(workers) else PROMPT_FLOW_WORKERS
    return min(memory.cores(), asked) if hasattr(os, "fork") else 1


def _running(record: Path) -> Address | None:
    """The server of a record, if it answers to the token."""
    address = read_record(record)
    if address is None:
        return None
    asked = urllib.request.Request(
        f"http://127.0.0.1:{address.port}/v1/models", headers={"Authorization": f"Bearer {address.token}"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(asked, timeout=LIVENESS_SECONDS):
            return address
    except OSError:
        return None


def _start(folder: Path, name: str, record: Path) -> Address:
    count = streams()
    memory.check_room(folder, count, memory.free())
    package = str(Path(bakeoff.__file__).parents[1])
    record.unlink(missing_ok=True)
    log = record.with_suffix(".log")
    command = ("-m", "bakeoff.serving.shared_server", str(folder), name, str(count), str(record))
    try:
        with log.open("w", encoding="utf-8") as said:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=record.parent,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])},
                start_new_session=True,
            )
    except OSError as error:
        raise UnavailableError(f"no process can be started: {error}") from error
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        address = read_record(record)
        if address:
            return address
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise UnavailableError(f"the server did not start: {last[0] if last else 'it said nothing'} ({log})")
