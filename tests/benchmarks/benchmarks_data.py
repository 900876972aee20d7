"""Small data written for these tests, in the Hugging Face columns, and a model whose scores are known."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bakeoff.errors import EndpointError, NotSupportedError
from bakeoff.models.base import Completion, LogLikelihood, Message, ModelIdentity, Parameters


class ScriptedModel:
    """Finds the choices that `likes` says likely; writes what `writes` says; remembers what it was asked."""

    def __init__(
        self,
        likes: Callable[[str, str], float] = lambda prompt, choice: 0.0,
        writes: Callable[[str], str] | None = None,
        fails: Callable[[str], bool] = lambda prompt: False,
    ):
        self.identity = ModelIdentity("scripted", "test", "1")
        self.asked: list[str] = []
        self._likes, self._writes, self._fails = likes, writes, fails

    def loglikelihood(self, prefix: str, continuations: Sequence[str], overflow: str = "error") -> list[LogLikelihood]:
        if self._writes is not None:
            raise NotSupportedError("it only writes")
        self.asked.append(prefix)
        if self._fails(prefix):
            raise EndpointError("no answer")
        return [LogLikelihood(self._likes(prefix, c), 1, False) for c in continuations]

    def complete(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Completion:
        assert self._writes is not None
        (message,) = messages
        self.asked.append(message.text)
        return Completion(self._writes(message.text), "stop", self.identity)


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


MMLU_DEV = [
    {"question": f"Example {i} of {subject}?", "subject": subject, "choices": ["w", "x", "y", "z"], "answer": i % 4}
    for subject in ("anatomy", "us_foreign_policy")
    for i in range(5)
]
MMLU_TEST = [
    {
        "question": f" Which bone is number {i}? ",
        "subject": "anatomy",
        "choices": ["rib", "ulna", "tibia", "skull"],
        "answer": i % 4,
    }
    for i in range(6)
] + [
    {
        "question": f"Who signed treaty {i}?",
        "subject": "us_foreign_policy",
        "choices": ["a king", "a president", "a mayor", "a general of the army"],
        "answer": 1,
    }
    for i in range(3)
]


def log(*probabilities: float) -> tuple[float, ...]:
    return tuple(math.log(p) for p in probabilities)


def steady(prompt: str, choice: str) -> float:
    """Log-likelihoods that depend on the texts alone, the same in every process."""
    return -float(sum(f"{prompt}{choice}".encode()) % 97) / 7
