"""Progress as plain lines, for terminals and logs alike."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Report = Callable[[str], None]


def silent(line: str) -> None:
    """A report that is not shown."""


def format_size(size: int) -> str:
    """Bytes in decimal units, as the hub and pip show them: `92.9 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


@contextmanager
def watch(folder: Path, total: int, what: str, report: Report, *, interval: float = 0.5) -> Iterator[None]:
    """Report each tenth of `total` bytes that arrives in `folder` while the block runs."""
    done = threading.Event()

    def look() -> None:
        shown = 0
        while not done.wait(interval):
            tenths = min(9, _bytes_in(folder) * 10 // max(total, 1))
            if tenths > shown:
                shown = tenths
                report(f"{what}: {tenths * 10} % of {format_size(total)}")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _bytes_in(folder: Path) -> int:
    paths = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):  # moved away while looking
            total += path.stat().st_size
    return total
