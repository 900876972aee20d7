"""JSON Lines of any size: read one line at a time, and found again by the number of their row."""

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from bakeoff.errors import InputError

ROWS_FILE = "rows.jsonl"
LINE_NUMBER = "line_number"
"""The column by which promptflow-parallel knows a row, in its input and its output."""

NOT_THERE = -1


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file; raises InputError with file and line for what is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield parsed(line, path, number)


def parsed(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """One line as an object; raises InputError with file and line number."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path.name}, line {number}: is not valid JSON ({problem})") from None
    if not isinstance(value, dict):
        raise InputError(f"{path.name}, line {number}: is not a JSON object: each line is one row")
    return value


def line_of(value: dict[str, Any]) -> str:
    """The object as a line."""
    return json.dumps(value, ensure_ascii=False) + "\n"


class FlowOutputs:
    """What a parallel step wrote: outputs of rows in the order in which mini-batches ended, some twice (a mini-batch
    that was tried again), some never (one that failed).

    Needs 16 bytes of memory a row. Use as a context manager.
    """

    def __init__(self, source: Path):
        """source: the file `parallel_run_step.jsonl` or a folder with it. Raises InputError where there is none."""
        self.files = sorted(source.glob("*.jsonl")) if source.is_dir() else [source]
        if not self.files:
            raise InputError(f"{source} holds no outputs: no mini-batch went through")
        self._file_of, self._offset = array("q"), array("q")
        self._open: list[BinaryIO] = []
        for number, path in enumerate(self.files):
            self._index(number, path)

    def __enter__(self) -> "FlowOutputs":
        self._open = [path.open("rb") for path in self.files]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open:
            file.close()

    def of(self, row: int) -> dict[str, Any] | None:
        """Outputs of the row of that number; None where it has none."""
        if row >= len(self._offset) or self._offset[row] == NOT_THERE:
            return None
        file = self._open[self._file_of[row]]
        file.seek(self._offset[row])
        outputs = _outputs(json.loads(file.readline()))
        return {name: value for name, value in outputs.items() if name != LINE_NUMBER}

    def _index(self, number: int, path: Path) -> None:
        offset = 0
        with path.open("rb") as file:
            for count, line in enumerate(file, start=1):
                if line.strip():
                    row = _outputs(parsed(line, path, count)).get(LINE_NUMBER)
                    if not isinstance(row, int) or row < 0:
                        raise InputError(f"{path.name}, line {count}: has no {LINE_NUMBER}: it is no flow's output")
                    missing = row + 1 - len(self._offset)
                    self._offset.extend([NOT_THERE] * missing)
                    self._file_of.extend([NOT_THERE] * missing)
                    self._file_of[row], self._offset[row] = number, offset
                offset += len(line)


def _outputs(line: dict[str, Any]) -> dict[str, Any]:
    """Flow outputs as documented, in one level, or as promptflow-parallel 0.1.0 writes them, below `output`."""
    nested = line.get("output")
    return nested if LINE_NUMBER not in line and isinstance(nested, dict) else line
