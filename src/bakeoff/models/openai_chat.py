"""Chat models behind an endpoint that speaks the OpenAI protocol: Azure OpenAI, OpenAI, serverless, local servers."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from json import JSONDecodeError
from typing import Any, Literal

from bakeoff.errors import EndpointError, InputError, NotSupportedError, PromptTooLongError
from bakeoff.models.base import (
    Completion,
    Delta,
    LogLikelihood,
    Message,
    ModelIdentity,
    Parameters,
    estimate_tokens,
    last_completion,
)
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.history import without_oldest_turn
from bakeoff.models.openai_answer import Answer
from bakeoff.models.openai_client import connect
from bakeoff.models.openai_errors import (
    InterruptedAnswerError,
    endpoint_error,
    filtered_prompt,
    is_prompt_too_long,
    rejected_parameter,
    too_slow,
)
from bakeoff.models.openai_request import CHANGES_ANSWERS, OPTIONAL, TOKEN_LIMITS, request_body

logger = logging.getLogger(__name__)

_Events = AbstractContextManager[Iterable[Any]]


class OpenAIChatModel:
    """A `ChatModel` (see bakeoff.models.base) on an endpoint; `model` is the deployment or model to ask for.

    What the endpoint refuses as unsupported (a token limit by one of its two names, temperature, top_p, seed, usage in
    streams, streaming) is left out from then on; where that changes answers a warning is logged once.
    Raises InputError when neither the call nor the endpoint names a model.
    """

    context_length: int | None = None

    def __init__(self, endpoint: Endpoint, model: str = ""):
        name = model or endpoint.model
        if not name:
            raise InputError(
                f"{endpoint.source} names no model: give the deployment or model name "
                "(a custom connection may carry it as configs.model; without a connection set AZURE_OPENAI_DEPLOYMENT "
                "or OPENAI_MODEL)"
            )
        from openai import OpenAIError

        self.endpoint = endpoint
        self.identity = ModelIdentity(name, endpoint.kind)
        self._client = connect(endpoint)
        self._failures = (OpenAIError, ValueError)
        self._unsupported: frozenset[str] = frozenset()
        modern = endpoint.kind == "azure_openai" or endpoint.is_openai_platform
        self._token_limit = TOKEN_LIMITS[0 if modern else 1]

    def count_tokens(self, text: str) -> int:
        """An estimate: the protocol has no way to ask."""
        return estimate_tokens(text)

    def stream(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Iterator[Delta]:
        """Yield the answer in pieces, then a last Delta with the completion.

        A refusal by the content filter is a completion, not an exception. Raises InputError for bad messages,
        PromptTooLongError, and EndpointError when the endpoint gives no answer or breaks off within it.
        """
        return self._deltas(messages, parameters, time.perf_counter())

    def complete(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Completion:
        """The whole answer at once; raises as `stream` does, but asks again when an answer breaks off in time."""
        started = time.perf_counter()
        for attempt in range(self.endpoint.max_retries):
            try:
                return last_completion(self._deltas(messages, parameters, started))
            except InterruptedAnswerError as error:
                if not error.retryable or _seconds_since(started) > self.endpoint.deadline:
                    raise
            time.sleep(min(0.5 * 2**attempt, 8.0))
        return last_completion(self._deltas(messages, parameters, started))

    def loglikelihood(
        self, prefix: str, continuations: Sequence[str], overflow: Literal["error", "truncate"] = "error"
    ) -> list[LogLikelihood]:
        """Raises NotSupportedError: the protocol has no way to ask for it."""
        raise NotSupportedError(
            f"{self.identity.name} at {self.endpoint.host}: chat endpoints give no log-likelihood of a given text. "
            "Score multiple-choice tasks by the letter the model writes, or use a local ONNX model"
        )

    def _deltas(self, messages: Sequence[Message], parameters: Parameters, started: float) -> Iterator[Delta]:
        if not messages:
            raise InputError("there is no message to answer")
        answer = Answer(self.identity, started)
        yield from self._read(self._ask(messages, parameters, answer), answer)
        if not (answer.events or answer.refusal):
            self._leave_out("stream")
            yield from self._read(self._ask(messages, parameters, answer), answer)
        if not (answer.finish_reason or answer.refusal):
            raise InterruptedAnswerError(
                f"{self.endpoint.host}, model {self.identity.name!r}: the answer ended without a finish reason, "
                "so part of it may be missing: try again",
                retryable=True,
            )
        yield Delta("", answer.completion())

    def _ask(self, messages: Sequence[Message], parameters: Parameters, answer: Answer) -> _Events:
        """Send the request until the endpoint takes it, leaving out what it calls unsupported."""
        turns = list(messages)
        while True:
            body = request_body(self.identity.name, turns, parameters, self._unsupported, self._token_limit)
            try:
                return self._post(body, self._retries(answer.started))
            except self._failures as error:
                failure = error
            rejected = rejected_parameter(failure, self._optional(body))
            if rejected:
                self._leave_out(rejected)
                continue
            answer.refusal = filtered_prompt(failure)
            if answer.refusal:
                return nullcontext([])
            kind = InterruptedAnswerError if isinstance(failure, JSONDecodeError) else EndpointError
            explained = endpoint_error(failure, self.endpoint, self.identity.name, kind)
            if not is_prompt_too_long(failure):
                raise explained
            shorter = without_oldest_turn(turns)
            if parameters.overflow == "error" or len(shorter) == len(turns):
                raise PromptTooLongError(str(explained))
            answer.dropped_turns += len(turns) - len(shorter)
            turns = shorter

    def _retries(self, started: float) -> int:
        """How often the SDK may repeat a request that was begun `started`: the deadline has room for that much."""
        left = self.endpoint.deadline - _seconds_since(started)
        return max(0, min(self.endpoint.max_retries, int(left // self.endpoint.timeout)))

    def _post(self, body: dict[str, Any], max_retries: int) -> _Events:
        """Send one request (the SDK repeats it where that helps, `max_retries` times at most).

        It goes through the SDK's generic `post`: promptflow replaces `chat.completions.create` to trace it, and for
        a stream it then ignores the usage that the endpoint reports, estimates it by fetching a tokenizer from the
        network, and records the endpoint's raw error texts.
        """
        from openai import Stream

        path = "/chat/completions"
        options: Any = {"max_retries": max_retries}
        if body.get("stream"):
            return self._client.post(
                path, cast_to=object, body=body, options=options, stream=True, stream_cls=Stream[object]
            )
        return nullcontext([self._client.post(path, cast_to=object, body=body, options=options)])

    def _read(self, events: _Events, answer: Answer) -> Iterator[Delta]:
        try:
            with events as arriving:
                for event in arriving:
                    text = answer.add(event)
                    if text:
                        yield Delta(text)
                    if not answer.finish_reason and _seconds_since(answer.started) > self.endpoint.deadline:
                        raise too_slow(self.endpoint, self.identity.name)
            return
        except self._failures as error:
            failure = error
        answer.refusal = filtered_prompt(failure)
        if not answer.refusal:
            raise endpoint_error(failure, self.endpoint, self.identity.name, InterruptedAnswerError)

    def _optional(self, body: Mapping[str, Any]) -> list[str]:
        """The parameters of a request that could be left out; a token limit only until its other name was refused."""
        other_refused = any(name in self._unsupported and name not in body for name in TOKEN_LIMITS)
        return [name for name in OPTIONAL if name in body and not (other_refused and name in TOKEN_LIMITS)]

    def _leave_out(self, parameter: str) -> None:
        if parameter in CHANGES_ANSWERS and parameter not in self._unsupported:
            logger.warning(
                "%s at %s takes no %s: its own default is used", self.identity.name, self.endpoint.host, parameter
            )
        self._unsupported |= {parameter}


def _seconds_since(started: float) -> float:
    return time.perf_counter() - started
