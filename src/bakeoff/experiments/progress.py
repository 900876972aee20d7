"""Progress of the runs of an experiment: a live table on a terminal, a line for each tenth elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress(Protocol):
    """Told about one cell (contender x task x repeat) after the other."""

    def start(self, label: str, total: int, done: int) -> None:
        """A cell begins; `done` of its rows need no run."""

    def update(self, done: int, errors: int) -> None:
        """So many rows of the cell are done, the failed ones among them."""

    def note(self, text: str) -> None:
        """What happens to the cell now, in a word or two; empty when that is over."""


class PlainProgress:
    """Lines for logs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._label, self._total, self._tenths = "", 0, 0

    def start(self, label: str, total: int, done: int) -> None:
        self._label, self._total, self._tenths = label, total, done * 10 // max(total, 1)
        self._say(f"  {label}: {total:,} rows, {done:,} at hand")

    def update(self, done: int, errors: int) -> None:
        tenths = done * 10 // max(self._total, 1)
        if tenths > self._tenths:
            self._tenths = tenths
            self._say(f"  {self._label}: {done:,} of {self._total:,} rows, {errors:,} errors")

    def note(self, text: str) -> None:
        if text:
            self._say(f"  {self._label}: {text}")


@contextmanager
def shown_progress(say: Callable[[str], None]) -> Iterator[Progress]:
    """A live table where stdout is a terminal, else lines through `say`."""
    if not sys.stdout.isatty():
        yield PlainProgress(say)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    figures = TextColumn("{task.fields[errors]} errors  {task.fields[note]}", markup=False)
    with Bars(*columns, figures, TimeElapsedColumn(), TimeRemainingColumn()) as bars:
        yield _LiveProgress(bars)


class _LiveProgress:
    """A bar for each cell."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("", visible=False, errors=0, note="")

    def start(self, label: str, total: int, done: int) -> None:
        self._bars.update(self._task, note="")
        self._task = self._bars.add_task(label, total=total, completed=done, errors=0, note="")

    def update(self, done: int, errors: int) -> None:
        self._bars.update(self._task, completed=done, errors=errors)

    def note(self, text: str) -> None:
        self._bars.update(self._task, note=text)
