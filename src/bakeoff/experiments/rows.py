"""What running one contender on one task gave, row by row, before any statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.metrics.rows import Row


@dataclass(frozen=True)
class RowResult:
    """One row of a task, run once by one contender.

    data: the row of the data file. output: the flow's outputs, None where the flow failed. seconds: how long Prompt
    Flow took for the line. record: what the evaluation says of it, None where it got none. error: why the flow, or else
    the evaluation, failed. prompts: the messages of each model call, as far as the run was traced.
    """

    id: str
    data: Mapping[str, Any]
    output: Mapping[str, Any] | None
    seconds: float | None
    record: Row | None
    error: str
    prompts: Sequence[Sequence[Mapping[str, str]]] = ()

    @property
    def completion(self) -> Mapping[str, Any]:
        """The record of the model's answer (`Completion.to_dict`); empty where the flow gives none."""
        completion = (self.output or {}).get("completion")
        return completion if isinstance(completion, Mapping) else {}


@dataclass(frozen=True)
class CellRun:
    """One contender x task x repeat.

    metrics: what the evaluation flow logged. peak_memory_mb: largest sum of the proportional memory of all processes
    of a run; None where none was watched. workers: of the last run; None where nobody noted them. from_cache: rows
    whose answer was not run now; None for a baseline. runs: names of the Prompt Flow runs that the answers come from.
    """

    task: str
    contender: str
    repeat: int
    rows: tuple[RowResult, ...]
    metrics: Mapping[str, float]
    peak_memory_mb: float | None
    from_cache: int | None
    runs: tuple[str, ...]
    workers: int | None = None
