"""Model calls in Prompt Flow's traces and run totals: as an LLM call with its tokens, whichever provider answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from opentelemetry.trace import get_current_span
from promptflow.tracing._trace import _traced, enrich_span_with_llm
from promptflow.tracing.contracts.trace import TraceType

from bakeoff.models.base import ChatModel, Completion, Message, Parameters


class _Usage(dict[str, int]):
    """Token counts under OpenAI's names; Prompt Flow reads them by `dict()`. Empty where the provider gives none."""

    def dict(self) -> Mapping[str, int]:
        return self


@dataclass(frozen=True)
class _Traced:
    """What a trace keeps of a call: Prompt Flow adds up the `usage` of every LLM call."""

    completion: Completion
    usage: _Usage


def complete(model: ChatModel, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Completion:
    """`model.complete` as an LLM call in the trace of the running flow; raises what that raises.

    Prompt Flow 1.18.5 traces only while the environment variable PF_DISABLE_TRACING is "false", which flows set in
    their YAML. Its public `trace` decorator marks a plain function, whose tokens it does not count.
    """
    recorded = {name: value for name, value in asdict(parameters).items() if value is not None}
    traced: _Traced = _chat_completion(
        lambda: model.complete(messages, parameters),
        model=model.identity.name,
        messages=[_as_openai(message) for message in messages],
        **recorded,
    )
    return traced.completion


@partial(_traced, args_to_ignore=["call"], trace_type=TraceType.LLM, name="chat_completion")
def _chat_completion(call: Callable[[], Completion], **recorded: Any) -> _Traced:
    completion = call()
    message = {"role": "assistant", "content": completion.text}
    enrich_span_with_llm(get_current_span(), completion.model.name, message)
    return _Traced(completion, _usage(completion))


def _usage(completion: Completion) -> _Usage:
    prompt, answer = completion.prompt_tokens, completion.completion_tokens
    if prompt is None or answer is None:
        return _Usage()
    return _Usage(prompt_tokens=prompt, completion_tokens=answer, total_tokens=prompt + answer)


def _as_openai(message: Message) -> dict[str, str]:
    """The message as a trace shows it; of an image its type and size."""
    images = [f"[{image.media_type}, {len(image.data):,} bytes]" for image in message.images]
    return {"role": message.role, "content": "\n".join([*images, message.text])}
