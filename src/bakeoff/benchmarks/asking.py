"""Put the items of a task to a model, those first that have an answer already out of the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bakeoff.benchmarks import letters
from bakeoff.benchmarks.answers import Answers, Record, key_of
from bakeoff.benchmarks.estimate import probes, seconds_of, spoken
from bakeoff.benchmarks.items import Item
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import BakeoffError, EndpointError, NotSupportedError, SignInError
from bakeoff.experiments.progress import shown_progress
from bakeoff.models.base import ChatModel, Message, Parameters

LETTER_PARAMETERS = Parameters(max_new_tokens=16)


@dataclass
class Asking:
    """records: the answers so far, and errors: what went wrong, both by item id."""

    task: Task
    model: ChatModel
    card: Mapping[str, Any]
    answers: Answers
    report: Callable[[str], None]
    records: dict[str, Record] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def find(self, items: Sequence[Item]) -> None:
        """Take the answers that are there, and say how long the others will take; raises as `ask` does."""
        known = self.answers.read()
        keys = {item.id: self._key(item) for item in items}
        self.records |= {item.id: known[keys[item.id]] for item in items if keys[item.id] in known}
        if self.records:
            self.report(f"{self.task.name}: {len(self.records):,} of {len(items):,} items are answered already")
        left = self._left(items)
        if sample := probes(left):
            seconds = seconds_of(left, sample, self._answer)
            self.report(f"{self.task.name}: {len(left):,} items will take about {spoken(seconds)}{self._threads()}")

    def ask(self, items: Sequence[Item]) -> None:
        """Ask what has no answer yet, in the order of the prompts, so that prefixes are shared.

        Raises NotSupportedError, SignInError and EndpointError where no item can have an answer from this model.
        """
        left = self._left(items)
        if not left:
            return
        have = len(items) - len(left)
        with shown_progress(self.report) as progress:
            progress.start(self.task.name, len(items), have)
            for done, item in enumerate(left, have + 1):
                self._answer(item)
                progress.update(done, len(self.errors))

    def _threads(self) -> str:
        if self.model.identity.provider != "onnx" or self.model.identity.execution_provider != "cpu":
            return ""
        from bakeoff.models.onnx_runtime import thread_count

        return f" on {thread_count()} threads"

    def _left(self, items: Sequence[Item]) -> list[Item]:
        return sorted((item for item in items if item.id not in self.records), key=lambda item: item.prompt)

    def _answer(self, item: Item) -> None:
        try:
            record = self._put(item)
        except NotSupportedError as error:
            raise NotSupportedError(f"{error}; --method generate asks for the letter instead") from error
        except BakeoffError as error:
            if isinstance(error, SignInError) or (isinstance(error, EndpointError) and error.final):
                raise
            self.errors[item.id] = str(error)
            return
        self.errors.pop(item.id, None)
        self.answers.append(self._key(item), record)
        self.records[item.id] = record

    def _put(self, item: Item) -> dict[str, Any]:
        if self._by_likelihood:
            scores = self.model.loglikelihood(item.prompt, item.choices, overflow="truncate")
            return {
                "logprobs": [score.logprob for score in scores],
                "dropped_tokens": max(score.dropped_tokens for score in scores),
            }
        text, parameters = self._request(item)
        completion = self.model.complete([Message("user", text)], parameters)
        if completion.finish_reason == "error":
            raise BakeoffError(completion.error or "the model gave no answer")
        return {"text": completion.text, "finish_reason": completion.finish_reason}

    @property
    def _by_likelihood(self) -> bool:
        return bool(self.card["method"] == "loglikelihood")

    def _request(self, item: Item) -> tuple[str, Parameters]:
        if not self.task.free_text:
            return letters.question_with_letters(item), LETTER_PARAMETERS
        return item.prompt, Parameters(max_new_tokens=self.task.max_new_tokens, stop=self.task.stop)

    def _key(self, item: Item) -> str:
        if self._by_likelihood:
            question: dict[str, Any] = {"prompt": item.prompt, "choices": item.choices, "overflow": "truncate"}
        else:
            text, parameters = self._request(item)
            question = {"user": text, "parameters": asdict(parameters)}
        return key_of(self.card["model"], self.card["versions"], question)
