"""Look at a run while it goes: lines done, lines failed, and the memory of its processes."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from bakeoff.experiments.cost import request_cost
from bakeoff.experiments.prices import Price
from bakeoff.experiments.progress import Progress
from bakeoff.experiments.wording import figures
from bakeoff.hosts.experiment_cell import Line, artifacts, read_line
from bakeoff.serving.shared_address import read_record, servers_folder

SECONDS = 1.0
MEMORY_SHARE = 0.02
"""Most of the time that measuring memory may take: a look at eight processes with 800 MB takes 70 ms of a core."""


@dataclass
class Watched:
    """What the runs of a cell showed so far. price: what its tokens cost, where that is known.

    peak_mb: largest sum of memory; 0.0 before the first look at a process. spent: in the price's currency.
    """

    price: Price | None
    peak_mb: float = 0.0
    spent: float = 0.0

    @property
    def spent_text(self) -> str:
        """`0.0123 USD`; empty without a price."""
        return f"{figures(self.spent)[0]} {self.price.currency}" if self.price else ""

    def pay(self, line: Line) -> None:
        """Add what the tokens of a line cost."""
        completion = (line.output or {}).get("completion")
        if self.price and isinstance(completion, Mapping):
            prompt, answer = completion.get("prompt_tokens"), completion.get("completion_tokens")
            if isinstance(prompt, int) and isinstance(answer, int):
                self.spent += request_cost(self.price, prompt, answer)


@contextmanager
def watch_run(run: str, already_done: int, progress: Progress, watched: Watched) -> Iterator[None]:
    """Report the run's lines on top of those already done every SECONDS and once at the end; measure memory as often
    as MEMORY_SHARE lets it. Both are kept in `watched`."""
    ended = threading.Event()
    seen: dict[str, bool] = {}
    measure_at = 0.0

    def look() -> None:
        nonlocal measure_at
        for path in artifacts(run).glob("*.jsonl"):
            if path.name not in seen and (line := read_line(path)):
                seen[path.name] = line.is_final
                watched.pay(line)
        progress.update(already_done + len(seen), sum(not final for final in seen.values()), watched.spent_text)
        started = time.monotonic()
        if started >= measure_at:
            watched.peak_mb = max(watched.peak_mb, children_mb())
            measure_at = started + (time.monotonic() - started) / MEMORY_SHARE

    def keep_looking() -> None:
        while not ended.wait(SECONDS):
            look()

    thread = threading.Thread(target=keep_looking, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        look()


def children_mb() -> float:
    """Memory of the processes below this one and of the model servers they talk to, in MB (1,000,000 bytes).

    Proportional set size where the platform has it (Linux): pages that workers share, such as mapped weights, count
    once. Elsewhere unique set size, which leaves them out.
    """
    total = 0
    family = {process.pid: process for process in psutil.Process().children(recursive=True)}
    for pid in _servers_of(list(family.values())):
        with suppress(psutil.Error):
            server = psutil.Process(pid)
            family |= {process.pid: process for process in (server, *server.children(recursive=True))}
    for process in family.values():
        with suppress(psutil.Error):
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.uss)
    return total / 1e6


def _servers_of(clients: Sequence[psutil.Process]) -> list[int]:
    """Process ids of the servers of shared models that some of these processes are connected to."""
    ports: set[int] = set()
    for process in clients:
        with suppress(psutil.Error):
            ports |= {connection.raddr.port for connection in process.net_connections("tcp") if connection.raddr}
    addresses = [read_record(path) for path in servers_folder().glob("*.json")]
    return [address.pid for address in addresses if address and address.port in ports]
