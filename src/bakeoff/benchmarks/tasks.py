"""What a benchmark task is. A new one is a file with a `Task` in it, a YAML definition, and its name in `registry`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bakeoff.benchmarks.data import Record, Source
from bakeoff.benchmarks.definition import Definition
from bakeoff.benchmarks.figures import Figure
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.metrics.summary import Metric


@dataclass(frozen=True)
class Task:
    """A benchmark as a command names it.

    questions: where its data are; examples: where its few-shot examples are (None: it has none).
    items(questions, examples, shots): the items in the data's order. Raises InputError naming a bad row.
    score(item, answer): each metric that applies to the item, by name.
    metrics: how those are summarised. figures: official figures that are no mean of them.
    shots: its usual number of examples. stop and max_new_tokens: for free text. likelihood_only: its choices mean
    nothing under letters.
    """

    name: str
    summary: str
    definition: Definition
    questions: Source
    items: Callable[[Sequence[Record], Sequence[Record], int], list[Item]]
    score: Callable[[Item, Answer], Mapping[str, float]]
    metrics: tuple[Metric, ...]
    examples: Source | None = None
    shots: int = 0
    free_text: bool = False
    stop: tuple[str, ...] = ()
    max_new_tokens: int = 256
    figures: tuple[Figure, ...] = ()
    likelihood_only: bool = False
