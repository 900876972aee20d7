"""How long a run will take, from a few of its items, before the rest is asked."""

import os
import time
from collections.abc import Callable, Sequence

from bakeoff.benchmarks.items import Item

SPOTS = 4
WORTH_IT = 24
"""Items below which a run is over before one could say how long it takes."""


def probes(items: Sequence[Item]) -> list[Item]:
    """One item that only loads the model, and pairs of neighbours from all over the run."""
    if len(items) < WORTH_IT:
        return []
    starts = [1 + spot * (len(items) - 3) // (SPOTS - 1) for spot in range(SPOTS)]
    return [items[0], *(items[start + i] for start in starts for i in (0, 1))]


def seconds_of(items: Sequence[Item], asked: Sequence[Item], ask: Callable[[Item], None]) -> float:
    """Ask the probes in `asked`, and say how many seconds all `items`, in their order, will take.

    Time is taken to grow with the characters that the model has not just read: those of a prompt beyond what it has
    in common with the one before, and those of the choices. Free text takes as long as the probes' mean.
    """
    seconds, work = 0.0, 0
    for i, item in enumerate(asked):
        started = time.perf_counter()
        ask(item)
        if i:
            seconds += time.perf_counter() - started
            work += _work(item, asked[i - 1])
    whole = _work(items[0], None) + sum(_work(items[i], items[i - 1]) for i in range(1, len(items)))
    return seconds * whole / work


def spoken(seconds: float) -> str:
    """`1.6 hours`, `12 minutes`, `40 seconds`."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 100 else f"{seconds:.0f} seconds"


def _work(item: Item, before: Item | None) -> int:
    if not item.choices:
        return 1
    known = len(os.path.commonprefix([item.prompt, before.prompt])) if before else 0  # noqa: RUF071
    return len(item.prompt) - known + sum(len(choice) for choice in item.choices)
