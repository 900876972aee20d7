"""Progress of the runs of an experiment: a live table on a terminal, a line for each tenth elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars


class Progress(Protocol):
    """Told about one cell (contender x task x repeat) after the other."""

    def start(self, label: str, total: int, done: int) -> None:
        """A cell begins; `done` of its rows need no run."""

    def update(self, done: int, errors: int, spent: str = "") -> None:
        """So many rows of the cell are done, the failed ones among them. spent: on its answers so far, `0.02 USD`;
        empty where nothing is known to be paid."""

    def note(self, text: str) -> None:
        """What happens to the cell now, in a word or two; empty when that is over."""


class Pace:
    """Speed and time left of a cell, from the rows that were run (those at hand took no time)."""

    def __init__(self, total: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._first, self._clock, self._begun = total, done, clock, clock()

    def text(self, done: int) -> str:
        """`2.1 rows/s, 47 s left`; empty as long as no row came back."""
        run, seconds = done - self._first, self._clock() - self._begun
        if run <= 0 or seconds <= 0:
            return ""
        speed = run / seconds
        left = f", {duration((self._total - done) / speed)} left" if done < self._total else ""
        return f"{speed:.2g} rows/s{left}" if speed < 10 else f"{speed:,.0f} rows/s{left}"


def duration(seconds: float) -> str:
    """`47 s`, `3 min 20 s`, `2 h 5 min`"""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class PlainProgress:
    """Lines for logs."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._label, self._total, self._tenths, self._pace = "", 0, 0, Pace(0, 0, clock)

    def start(self, label: str, total: int, done: int) -> None:
        self._label, self._total, self._tenths = label, total, done * 10 // max(total, 1)
        self._pace = Pace(total, done, self._clock)
        self._say(f"  {label}: {total:,} rows, {done:,} at hand")

    def update(self, done: int, errors: int, spent: str = "") -> None:
        tenths = done * 10 // max(self._total, 1)
        if tenths > self._tenths:
            self._tenths = tenths
            parts = (f"{done:,} of {self._total:,} rows", f"{errors:,} errors", spent, self._pace.text(done))
            self._say(f"  {self._label}: {', '.join(part for part in parts if part)}")

    def note(self, text: str) -> None:
        if text:
            self._say(f"  {self._label}: {text}")


@contextmanager
def shown_progress(say: Callable[[str], None]) -> Iterator[Progress]:
    """A live table where stdout is a terminal, else lines through `say`."""
    if not sys.stdout.isatty():
        yield PlainProgress(say)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn())
    figures = TextColumn("{task.fields[figures]}  {task.fields[note]}", markup=False)
    with Bars(*columns, figures) as bars:
        yield _LiveProgress(bars)


class _LiveProgress:
    """A bar for each cell."""

    def __init__(self, bars: Bars) -> None:
        self._bars, self._pace = bars, Pace(0, 0)
        self._task = bars.add_task("", visible=False, figures="", note="")

    def start(self, label: str, total: int, done: int) -> None:
        self._bars.update(self._task, note="")
        self._pace = Pace(total, done)
        self._task = self._bars.add_task(label, total=total, completed=done, figures="", note="")

    def update(self, done: int, errors: int, spent: str = "") -> None:
        parts = (f"{errors:,} errors", spent, self._pace.text(done))
        self._bars.update(self._task, completed=done, figures=", ".join(part for part in parts if part))

    def note(self, text: str) -> None:
        self._bars.update(self._task, note=text)
