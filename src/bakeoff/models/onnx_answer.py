"""One answer of a local model as its tokens come."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.models.base import Completion, Delta, FinishReason, ModelIdentity, Parameters, TokenLogprob
from bakeoff.models.onnx_prompt import Prompt
from bakeoff.models.onnx_runtime import Runtime
from bakeoff.models.stop_strings import StopStrings


class AnswerWriter:
    """Pieces of whole characters, stop strings and log-probabilities of one answer, and its completion.

    top_logprobs: as in `OnnxChatModel.stream`. started: `time.perf_counter()` of the call.
    """

    def __init__(
        self,
        runtime: Runtime,
        identity: ModelIdentity,
        prompt: Prompt,
        parameters: Parameters,
        top_logprobs: int | None,
        started: float,
    ):
        self.ended = False
        self._tokenizer, self._end_tokens = runtime.tokenizer, runtime.end_tokens
        self._identity, self._prompt, self._started, self._top = identity, prompt, started, top_logprobs
        self._most = min(parameters.max_new_tokens, runtime.context - len(prompt.ids))
        self._decode = self._tokenizer.create_stream().decode
        self._stops, self._shown, self._count = StopStrings(parameters.stop), list[str](), 0
        self._logprobs: list[TokenLogprob] = []
        self._first_token: float | None = None
        self._finish_reason: FinishReason = "length"

    @property
    def wants_logits(self) -> bool:
        return self._top is not None

    def feed(self, token: int, logits: NDArray[Any] | None) -> Delta | None:
        """The piece of text that a generated token completes, if any; `ended` then says whether it was the last token.

        logits: of the whole vocabulary at the token's place; None where `wants_logits` is False.
        """
        self._count += 1
        if self._first_token is None:
            self._first_token = time.perf_counter() - self._started
        if token in self._end_tokens:
            self._finish_reason, self.ended = "stop", True
            return None
        text = self._stops.feed(self._decode(token))
        if self._top is not None and logits is not None:
            self._logprobs.append(self._logprob(token, logits, self._top))
        if self._stops.found:
            self._finish_reason = "stop"
        self.ended = self._stops.found or self._count >= self._most
        return self._piece(text) if text else None

    def rest(self) -> list[Delta]:
        """The text that was held back, if any, and a Delta with the completion."""
        text = self._stops.rest()
        pieces = [self._piece(text)] if text else []
        completion = Completion(
            text="".join(self._shown),
            finish_reason=self._finish_reason,
            model=self._identity,
            prompt_tokens=len(self._prompt.ids),
            completion_tokens=self._count,
            time_to_first_token=self._first_token,
            total_time=time.perf_counter() - self._started,
            dropped_turns=self._prompt.dropped_turns,
        )
        return [*pieces, Delta("", completion)]

    def _piece(self, text: str) -> Delta:
        self._shown.append(text)
        logprobs, self._logprobs = tuple(self._logprobs), []
        return Delta(text, logprobs=logprobs)

    def _logprob(self, token: int, logits: NDArray[Any], top: int) -> TokenLogprob:
        scores = logits.astype(np.float64)
        scores -= scores.max()
        logprobs = scores - np.log(np.exp(scores).sum())
        decode = self._tokenizer.decode
        likeliest = np.argsort(-logprobs, kind="stable")[:top]
        return TokenLogprob(
            decode(np.array([token], np.int32)),
            float(logprobs[token]),
            tuple((decode(np.array([i], np.int32)), float(logprobs[i])) for i in likeliest),
        )
