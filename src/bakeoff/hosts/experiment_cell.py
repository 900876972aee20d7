"""The cache of one contender x task x repeat: finished answers, and the run that may have been killed.

    <cell>/about.json      what its answers depend on (its hash is the folder's name), environment variables hashed
    <cell>/answers.jsonl   one finished answer a line, by the key of its row
    <cell>/pending.json    the run that is under way: its name, and the row key of each of its lines
    <cell>/memory.json     largest memory of a run, in MB, and the workers of the last one
    <cell>/todo.jsonl      the rows of the last run; its run.yaml is there while it runs

A run's lines are read from Prompt Flow's own records (`flow_artifacts`), which it writes as lines finish: so a run
that was killed is harvested like any other, the next time the cell is opened.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from bakeoff.catalog.cache import cache_folder
from bakeoff.errors import BakeoffError
from bakeoff.experiments.journal import Journal
from bakeoff.hosts.experiment_key import digest
from bakeoff.hosts.promptflow_settings import home
from bakeoff.json_file import write_json


@dataclass(frozen=True)
class Line:
    """One line of a run: the flow's outputs, or why there are none.

    seconds: Prompt Flow's time for the line. prompts: the messages of each model call in it, `{role, content}` each.
    """

    number: int
    output: Mapping[str, Any] | None
    seconds: float
    error: str
    prompts: tuple[Sequence[Mapping[str, str]], ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether asking again is pointless: the flow gave outputs and its completion, if any, is no error."""
        completion = (self.output or {}).get("completion")
        failed = isinstance(completion, Mapping) and completion.get("finish_reason") == "error"
        return self.output is not None and not failed

    @property
    def why(self) -> str:
        """What went wrong: with the flow, else with the answer."""
        return self.error or str(((self.output or {}).get("completion") or {}).get("error") or "")


@dataclass
class Cell:
    """An open cell. answers: finished ones by row key, each `{id, output, seconds, run, prompts}`. failed: lines of
    this process's run that went wrong, by row key."""

    folder: Path
    answers: dict[str, Mapping[str, Any]]
    failed: dict[str, Line] = field(default_factory=dict)

    def begin(self, run: str, keys: Sequence[str]) -> None:
        """Note a run before it starts."""
        write_json(self.folder / "pending.json", {"run": run, "rows": list(keys)})

    def harvest(self) -> None:
        """Take over the lines of the pending run, whatever became of it."""
        pending = self.folder / "pending.json"
        if not pending.exists():
            return
        noted = json.loads(pending.read_text(encoding="utf-8"))
        journal = Journal(self.folder / "answers.jsonl")
        for line in read_lines(noted["run"]):
            key = noted["rows"][line.number]
            if not line.is_final:
                self.failed[key] = line
            elif key not in self.answers:
                answer = {"id": key, "output": line.output, "seconds": line.seconds, "run": noted["run"]}
                answer["prompts"] = list(line.prompts)
                journal.append(answer)
                self.answers[key] = answer
        pending.unlink()

    @property
    def peak_memory_mb(self) -> float | None:
        """Largest memory of the runs so far; None where none was watched to its end."""
        return self._noted().get("peak_mb")

    @property
    def workers(self) -> int | None:
        """How many worked at once in the last run that came to its end; None where nobody noted it."""
        return self._noted().get("workers")

    def note_run(self, peak_mb: float, workers: int | None) -> None:
        """Keep the memory (0 where it was not watched) if it is the largest so far, and the workers if known."""
        largest = max(peak_mb, self.peak_memory_mb or 0.0)
        noted = {"peak_mb": largest or None, "workers": workers or self.workers}
        write_json(self.folder / "memory.json", {name: value for name, value in noted.items() if value})

    def _noted(self) -> dict[str, Any]:
        path = self.folder / "memory.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@contextmanager
def open_cell(content: Mapping[str, Any]) -> Iterator[Cell]:
    """The cell of that content (`experiment_key.cell_content`), for this process alone.

    A run that an earlier, killed process left is ended and harvested. Raises BakeoffError where another process has
    the cell open.
    """
    folder = experiments_cache() / "cells" / digest(content)[:24]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BakeoffError(f"another `bakeoff run` is at the same contender and task: wait for it ({folder})") from None
    try:
        write_json(folder / "about.json", _without_values(content))
        pending = folder / "pending.json"
        if pending.exists():
            end_run(json.loads(pending.read_text(encoding="utf-8"))["run"])
        cell = Cell(folder, Journal(folder / "answers.jsonl").read())
        cell.harvest()
        cell.failed.clear()
        yield cell
    finally:
        lock.release()


def _without_values(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the hash of each environment variable: one may be a key."""
    hashes = {name: f"sha256 {digest(value)}" for name, value in content.get("environment", {}).items()}
    return {**content, "environment": hashes}


def experiments_cache() -> Path:
    """`experiments` in bakeoff's cache folder, outside every checkout."""
    return cache_folder() / "experiments"


def run_name(*parts: str) -> str:
    """A new name for `pf run list`: the parts in lower case, and when it was made."""
    named = "_".join(re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_")[:40] for part in parts if part)
    return f"{named}_{datetime.now().strftime('%Y%m%d_%H%M%S_%f')}"


def artifacts(run: str) -> Path:
    """Where Prompt Flow writes a record of each line of a run."""
    return home() / ".runs" / run / "flow_artifacts"


def read_lines(run: str) -> Iterator[Line]:
    """The lines of a run that are written down so far, in the order of their numbers."""
    for path in sorted(artifacts(run).glob("*.jsonl")):
        line = read_line(path)
        if line is not None:
            yield line


def read_line(path: Path) -> Line | None:
    """One record of Prompt Flow; None for one that is not whole (yet)."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        info = record["run_info"]
    except (ValueError, FileNotFoundError):
        return None
    if info["status"] == "Completed" and isinstance(info["output"], dict):
        return Line(record["line_number"], info["output"], _seconds(info), "", prompts(info.get("api_calls")))
    error = info.get("error") or {}
    message = str(error.get("message", f"the line is {info['status']}"))
    return Line(record["line_number"], None, _seconds(info), message, prompts(info.get("api_calls")))


def prompts(calls: Any) -> tuple[Sequence[Mapping[str, str]], ...]:
    """The messages of every model call in a trace (`api_calls`), in order; of a picture in them only that there is one.

    Models called through bakeoff and Prompt Flow's own LLM nodes leave them; a flow that is not traced leaves none.
    """
    found: list[Sequence[Mapping[str, str]]] = []
    for call in calls or ():
        messages = (call.get("inputs") or {}).get("messages")
        if call.get("type") == "LLM" and isinstance(messages, list):
            found.append([{"role": str(m["role"]), "content": _content(m.get("content"))} for m in messages])
        else:
            found += prompts(call.get("children"))
    return tuple(found)


def _content(content: Any) -> str:
    if not isinstance(content, list):
        return "" if content is None else str(content)
    return "\n".join(str(part.get("text", f"[{part.get('type', 'part')}]")) for part in content)


def end_run(run: str) -> None:
    """End what is left of a run whose own process was killed, its workers too."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if run in process.cmdline():
                for member in [*process.children(recursive=True), process]:
                    with suppress(psutil.NoSuchProcess):
                        member.kill()
                psutil.wait_procs([process], timeout=10)


def _seconds(info: Mapping[str, Any]) -> float:
    started, ended = (datetime.fromisoformat(info[key]) for key in ("start_time", "end_time"))
    return (ended - started).total_seconds()
