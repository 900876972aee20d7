"""`bakeoff serve` in a child process."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from openai import OpenAI

DEADLINE = 60.0
BAKEOFF = (sys.executable, "-m", "bakeoff.cli")


@dataclass(frozen=True)
class Running:
    """A server: its process, its address with /v1, and what it said when it was ready."""

    process: psutil.Popen
    url: str
    said: str

    def client(self, key: str = "none") -> OpenAI:
        return OpenAI(base_url=self.url, api_key=key, max_retries=0)

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        """Status and body; path from the root."""
        return self.send(path, None, token)[:2]

    def send(self, path: str, body: bytes | None, token: str | None = None) -> tuple[int, str, Any]:
        """Status, body and headers of a GET, or of a POST where there is a body."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.url.removesuffix("/v1") + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                return response.status, response.read().decode(), response.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def refusal(self, path: str, body: dict[str, Any] | bytes) -> tuple[int, dict[str, Any]]:
        """Status and error object of a request that is refused."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, text, _ = self.send(path, sent)
        return status, json.loads(text)["error"]

    def metric(self, name: str) -> float:
        """A sample of /metrics by its name and labels; 0 where it is not there yet."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def running_server(
    *arguments: str | Path, env: dict[str, str] | None = None, bakeoff: Sequence[str] = BAKEOFF
) -> Iterator[Running]:
    """Serve on a free port until the end of the block; the arguments are those after `bakeoff serve`."""
    command = [*bakeoff, "serve", *map(str, arguments), "--port", "0"]
    process = psutil.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | (env or {}))
    try:
        said = process.stdout.readline()
        url = re.search(r"http://\S+/v1", said)
        assert url, f"bakeoff serve said {said!r} and {process.stdout.read()!r}"
        yield Running(process, url[0], said)
    finally:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        process.wait(DEADLINE)
        process.stdout.close()


def until(condition: Callable[[], bool]) -> None:
    """Ask again until it is so."""
    import time

    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that nobody has waited for yet does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
