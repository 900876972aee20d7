"""The events of a chat completion in the OpenAI protocol, put together into one Completion."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bakeoff.models.base import Completion, FinishReason, ModelIdentity

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
}


class ProtocolError(ValueError):
    """The endpoint sent something that is no event of the protocol."""


@dataclass
class Answer:
    """What has arrived of one answer.

    started: time.perf_counter of the call. refusal: why the content filter refused the prompt or cut the stream.
    """

    identity: ModelIdentity
    started: float
    dropped_turns: int = 0
    events: int = 0
    pieces: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    refusal: str | None = None
    filtered: dict[str, str] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    reported_model: str = ""
    fingerprint: str = ""
    first_token_at: float | None = None

    def add(self, event: Any) -> str:
        """Take in a chunk of a stream, or a whole response, and return its text.

        A model's refusal counts as text. Raises ProtocolError for what is no JSON object.
        """
        if not isinstance(event, dict):
            raise ProtocolError(f"a {type(event).__name__} where a chat completion was expected")
        self.events += 1
        self.reported_model = event.get("model") or self.reported_model
        self.fingerprint = event.get("system_fingerprint") or self.fingerprint
        self.usage = _object(event.get("usage")) or self.usage
        choices = event.get("choices")
        choice = _object(choices[0]) if isinstance(choices, list) and choices else {}
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        self.filtered |= filtered_categories(choice.get("content_filter_results"))
        delta = _object(choice.get("delta"))
        message = delta or _object(choice.get("message"))
        text = _text(message, "content") + _text(message, "refusal")
        if self.first_token_at is None and delta and (text or _text(delta, "reasoning_content")):
            self.first_token_at = time.perf_counter()
        if text:
            self.pieces.append(text)
        return text

    def completion(self) -> Completion:
        """The completion; its time to first token is None where the answer came in one piece."""
        reason = self.finish_reason or ""
        finish_reason = "content_filter" if self.refusal else FINISH_REASONS.get(reason, "error")
        error = self.refusal
        if error is None and finish_reason == "content_filter":
            error = "the endpoint's content filter stopped the answer" + describe_categories(self.filtered)
        elif finish_reason == "error":
            error = f"the endpoint ended the answer with {reason!r}: that is no end of a text answer"
        revision = " ".join(part for part in (self.reported_model, self.fingerprint) if part)
        return Completion(
            text="".join(self.pieces),
            finish_reason=finish_reason,
            model=replace(self.identity, revision=revision),
            prompt_tokens=_count(self.usage, "prompt_tokens"),
            completion_tokens=_count(self.usage, "completion_tokens"),
            time_to_first_token=None if self.first_token_at is None else self.first_token_at - self.started,
            total_time=time.perf_counter() - self.started,
            dropped_turns=self.dropped_turns,
            error=error,
        )


def filtered_categories(results: Any) -> dict[str, str]:
    """The categories that blocked something, each with its severity (empty where it has none).

    results: Azure's `content_filter_results`, one entry a category with `filtered` and `severity` or `detected`
    (https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter).
    """
    if not isinstance(results, dict):
        return {}
    return {
        category: str(result.get("severity") or "")
        for category, result in results.items()
        if isinstance(result, dict) and result.get("filtered")
    }


def describe_categories(categories: Mapping[str, str]) -> str:
    """`: hate (high), jailbreak`, or an empty text for no categories."""
    described = [f"{category} ({severity})" if severity else category for category, severity in categories.items()]
    return ": " + ", ".join(described) if described else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) else None
