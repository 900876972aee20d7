"""The server's side of one model: its processes, and a bounded queue before them."""

import asyncio
import hmac
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bakeoff.errors import BakeoffError
from bakeoff.serving.wire import LONGEST_LINE, error_from_json

START_SECONDS = 600
Json = Mapping[str, Any]


class BusyError(BakeoffError):
    """The queue is full; `retry_after` says in how many seconds to come again."""

    def __init__(self, message: str, retry_after: int):
        super().__init__(message)
        self.retry_after = retry_after


class LostError(BakeoffError):
    """The processes of a model ended while they answered; a new try starts them again."""


@dataclass
class Stream:
    """A connection to the processes of a model, for one request at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Pool:
    """The processes of a model; `start` loads it, `stop` ends them.

    streams: answers at once; 0: as many as are useful (`bakeoff.serving.loading`), which `start` finds out. queue: most
    requests that wait while every stream is busy.
    """

    def __init__(self, folder: Path, name: str, streams: int, queue: int):
        self.folder, self.name, self.streams, self.queue = folder, name, streams, queue
        self.facts: dict[str, Any] = {}
        self.running = self.waiting = 0
        self.lost = False
        self._idle: asyncio.LifoQueue[Stream] = asyncio.LifoQueue()
        self._all: list[Stream] = []
        self._process: asyncio.subprocess.Process | None = None
        self._returning: set[asyncio.Task[None]] = set()
        self._seconds = 1.0

    @property
    def busy(self) -> bool:
        return self.running + self.waiting > 0

    async def start(self) -> None:
        """Start the processes and wait until each is ready. Raises as loading the model does."""
        token = secrets.token_hex(16)
        arrived: asyncio.Queue[Stream | BakeoffError] = asyncio.Queue()

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = await reader.readline()
            with suppress(ValueError):
                hello = json.loads(line)
                if isinstance(hello, dict) and hmac.compare_digest(str(hello.pop("token", "")), token):
                    self.facts = self.facts or hello
                    failure = hello.get("error")
                    await arrived.put(error_from_json(failure) if failure else Stream(reader, writer))
                    return
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0, limit=LONGEST_LINE)
        port = server.sockets[0].getsockname()[1]
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bakeoff.serving.worker", str(self.folder), self.name, str(port), str(self.streams)),
                stdin=asyncio.subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                start_new_session=os.name == "posix",
            )
            assert self._process.stdin
            self._process.stdin.write(f"{token}\n".encode())
            ended = asyncio.ensure_future(self._process.wait())
            while len(self._all) < self.facts.get("streams", 1):
                hello = asyncio.ensure_future(arrived.get())
                await asyncio.wait({hello, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not hello.done():
                    hello.cancel()
                    raise BakeoffError(f"{self.name}: its process ended while it loaded the model")
                stream = hello.result()
                if isinstance(stream, BakeoffError):
                    raise stream
                self._all.append(stream)
                self._idle.put_nowait(stream)
            ended.cancel()
            self.streams = len(self._all)
        except BaseException:
            await self.stop()
            raise
        finally:
            server.close()

    async def ask(self, request: Json) -> AsyncGenerator[dict[str, Any], None]:
        """The replies to a request, once it is its turn; closing the generator cancels the request.

        Raises BusyError where the queue is full, LostError where the model's processes ended, and what the model
        raises.
        """
        if self._idle.empty() and self.waiting >= self.queue:
            wait = max(1, round(self._seconds * (self.waiting + 1) / self.streams))
            raise BusyError(f"{self.name} is busy: {self.running} answers under way, {self.waiting} waiting", wait)
        self.waiting += 1
        try:
            stream = await self._idle.get()
        finally:
            self.waiting -= 1
        self.running += 1
        started, ended = asyncio.get_running_loop().time(), False
        try:
            if self.lost:
                raise self._is_lost()
            stream.writer.write(json.dumps(request).encode() + b"\n")
            while not ended:
                reply = await self._read(stream)
                ended = "end" in reply
                if "error" in reply:
                    raise error_from_json(reply["error"])
                yield reply
            self._seconds += 0.1 * (asyncio.get_running_loop().time() - started - self._seconds)
        finally:
            self.running -= 1
            if ended or self.lost:
                self._idle.put_nowait(stream)
            else:
                stream.writer.write(b'{"cancel": true}\n')
                task = asyncio.get_running_loop().create_task(self._return_when_ended(stream))
                self._returning.add(task)
                task.add_done_callback(self._returning.discard)

    async def stop(self) -> None:
        """End the processes; requests under way raise LostError."""
        self.lost = True
        for stream in self._all:
            stream.writer.close()
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                if os.name == "posix":
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
            await self._process.wait()

    def memory(self) -> int:
        """Bytes of the model's processes: proportional set size where there is one, else unique."""
        total = 0
        if self._process:
            with suppress(psutil.Error):
                host = psutil.Process(self._process.pid)
                for process in (host, *host.children()):
                    info = process.memory_full_info()
                    total += getattr(info, "pss", info.uss)
        return total

    async def _read(self, stream: Stream) -> dict[str, Any]:
        try:
            line = await stream.reader.readline()
        except OSError:
            line = b""
        if not line:
            self.lost = True
            raise self._is_lost()
        reply: dict[str, Any] = json.loads(line)
        return reply

    async def _return_when_ended(self, stream: Stream) -> None:
        with suppress(LostError):
            while "end" not in await self._read(stream):
                pass
        self._idle.put_nowait(stream)

    def _is_lost(self) -> LostError:
        return LostError(f"{self.name}: the model's processes ended before the answer did; try again")
