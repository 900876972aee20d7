"""One question of a benchmark, what a model answered, and which choice that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Item:
    """One question of a benchmark, ready to ask.

    stratum: what subsets are stratified and results broken down by (the subject of MMLU); may be empty.
    group: every metric is also given for each group of items (the four groups of MMLU); may be empty.
    prompt and choices: the raw text whose continuations are scored by log-likelihood, each with its leading space.
    reference: whatever the task's `score` needs. Without choices the prompt is answered in free text.
    question, options and answer: the same question for a model that only writes: it is shown the options under
    letters and `answer` is the index of the right one. Empty where the task has no such form.
    cluster: what items with a common passage have in common: their errors are not independent; empty: alone.
    unit: what items that are only scored together have in common (the options of a question): a subset takes all of
    them or none; empty: alone.
    """

    id: str
    stratum: str
    prompt: str
    choices: tuple[str, ...]
    reference: Any
    group: str = ""
    question: str = ""
    options: tuple[str, ...] = ()
    answer: int = 0
    cluster: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Answer:
    """What the model gave: the log-likelihood of each choice, the option it picked by its letter, or a text.

    ranking: the evidence that came with a text, best first; None where there was no retrieval.
    """

    logprobs: tuple[float, ...] = ()
    text: str = ""
    picked: int | None = None
    ranking: tuple[Any, ...] | None = None


def likeliest(logprobs: Sequence[float], lengths: Sequence[int] | None = None) -> int:
    """The first choice with the highest log-likelihood, for each character where `lengths` are given.

    Source: lm-evaluation-harness 0.4.13, `ConfigurableTask.process_results`, acc and acc_norm (`np.argmax`; the
    length is that of the choice without the space in front).
    """
    values = logprobs if lengths is None else [value / length for value, length in zip(logprobs, lengths, strict=True)]
    return max(range(len(values)), key=lambda i: values[i])
