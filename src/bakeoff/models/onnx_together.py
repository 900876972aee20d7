"""Several answers of one model at once, each the same to the last bit as it would be alone."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from bakeoff.errors import BakeoffError
from bakeoff.models.base import Delta, Message, Parameters
from bakeoff.models.onnx_answer import AnswerWriter
from bakeoff.models.onnx_batch import LONGEST, Batch, is_exact
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_decoder import Decoder
from bakeoff.models.onnx_prefix import is_kept
from bakeoff.models.onnx_prompt import Prompt
from bakeoff.models.sampling import Sampler


@dataclass(eq=False)
class Answer:
    """One answer under way. deltas: what was written since they were last taken. error: it will not come."""

    prompt: Prompt
    parameters: Parameters
    writer: AnswerWriter
    sampler: Sampler
    deltas: list[Delta] = field(default_factory=list)
    error: BakeoffError | None = None
    token: int = -1

    @property
    def ended(self) -> bool:
        return self.writer.ended or self.error is not None

    def take(self, logits: NDArray[Any]) -> None:
        """Choose the next token, and write it."""
        self.token = self.sampler.choose(logits)
        piece = self.writer.feed(self.token, logits)
        self.deltas += [piece] if piece else []
        if self.writer.ended:
            self.deltas += self.writer.rest()


class Together:
    """Writes up to `most` answers of a text model at once, others wait; make it with `open_together`.

    Not for several threads at once.
    """

    def __init__(self, model: OnnxChatModel, decoder: Decoder, most: int):
        self.model, self._most = model, most
        self._batch = Batch(decoder, most)
        self._waiting: list[Answer] = []
        self._answers: list[Answer] = []

    def begin(
        self, messages: Sequence[Message], parameters: Parameters, top_logprobs: int | None = None
    ) -> Answer | None:
        """An answer that `advance` will write; None where it has to be written alone.

        That is one under a JSON schema, or longer than LONGEST. Raises as `OnnxChatModel.stream` does for bad messages.
        """
        started = time.perf_counter()
        if parameters.json_schema is not None:
            return None
        prompt, writer = self.model.begin(messages, parameters, top_logprobs, started)
        if len(prompt.ids) + self._room(prompt, parameters) > LONGEST:
            return None
        answer = Answer(prompt, parameters, writer, Sampler(parameters))
        self._waiting.append(answer)
        return answer

    def advance(self) -> list[Answer]:
        """Read the prompt of a new answer, or give each answer under way its next token; which were advanced.

        Where ONNX Runtime fails, they have an error.
        """
        reads = self._waiting and len(self._answers) < self._most
        advanced = self._read() if reads else self._step()
        for answer in advanced:
            if answer.ended:
                self.end(answer)
        return advanced

    def end(self, answer: Answer) -> None:
        """Forget an answer, ended or not."""
        if answer in self._waiting:
            self._waiting.remove(answer)
        elif answer in self._answers:
            row = self._answers.index(answer)
            self._batch.remove(row)
            last = self._answers.pop()
            if last is not answer:
                self._answers[row] = last

    def _room(self, prompt: Prompt, parameters: Parameters) -> int:
        """Tokens that an answer can have."""
        return min(parameters.max_new_tokens, self.model.context_length - len(prompt.ids))

    def _read(self) -> list[Answer]:
        answer = self._waiting.pop(0)
        ids, head, new_tokens = answer.prompt.ids, answer.prompt.head, answer.parameters.max_new_tokens
        kept = is_kept(ids, head, new_tokens, self.model.context_length)
        try:
            logits = self._batch.add(ids, head if kept else 0, self._room(answer.prompt, answer.parameters))
        except BakeoffError as error:
            answer.error = error
        else:
            self._answers.append(answer)
            answer.take(logits)
        return [answer]

    def _step(self) -> list[Answer]:
        advanced = list(self._answers)
        if not advanced:
            return []
        try:
            rows = self._batch.step([answer.token for answer in advanced])
        except BakeoffError as error:
            for answer in advanced:
                answer.error = error
        else:
            for answer, logits in zip(advanced, rows, strict=True):
                answer.take(logits)
        return advanced


def open_together(model: OnnxChatModel, most: int) -> Together | None:
    """None for a model whose rows would not be the same to the last bit alone, or that takes images.

    Raises as `open_decoder` does.
    """
    decoder = None if model.sees_images else model.decoder
    return Together(model, decoder, most) if decoder and is_exact(decoder, most) else None
