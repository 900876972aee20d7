"""What a benchmark task is. A new one is a file with a `Task` in it, a YAML definition, and its name in `registry`."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bakeoff.benchmarks.data import Record, Source
from bakeoff.benchmarks.figures import Figure
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.metrics.summary import Metric


@dataclass(frozen=True)
class Definition:
    """A YAML file beside the suite: `version`, `source`, `licence`, and the texts the task is made of."""

    path: Path

    @cached_property
    def texts(self) -> Mapping[str, Any]:
        content: Mapping[str, Any] = yaml.safe_load(self.path.read_text(encoding="utf-8"))
        return content

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def definition(name: str) -> Definition:
    """The definition in `definitions/<name>.yaml`."""
    return Definition(Path(__file__).parent / "definitions" / f"{name}.yaml")


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


def likeliest(logprobs: Sequence[float], lengths: Sequence[int] | None = None) -> int:
    """The first choice with the highest log-likelihood, for each character where `lengths` are given.

    Source: lm-evaluation-harness 0.4.13, `ConfigurableTask.process_results`, acc and acc_norm (`np.argmax`; the
    length is that of the choice without the space in front).
    """
    values = logprobs if lengths is None else [value / length for value, length in zip(logprobs, lengths, strict=True)]
    return max(range(len(values)), key=lambda i: values[i])
