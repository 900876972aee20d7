"""Chat completions and their chunks as the OpenAI protocol writes them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

Json = Mapping[str, Any]


@dataclass
class ChatResponse:
    """One answer of a model. fingerprint: the revision of its weights."""

    model: str
    fingerprint: str
    with_logprobs: bool
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, completion: Json, logprobs: Sequence[Json]) -> dict[str, Any]:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": completion["text"], "refusal": None},
            "logprobs": self._logprobs(logprobs),
            "finish_reason": completion["finish_reason"],
        }
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage(completion)}

    def first(self) -> dict[str, Any]:
        return self._chunk({"role": "assistant", "content": ""}, None, ())

    def piece(self, text: str, logprobs: Sequence[Json]) -> dict[str, Any]:
        return self._chunk({"content": text}, None, logprobs)

    def last(self, completion: Json) -> dict[str, Any]:
        return self._chunk({}, completion["finish_reason"], ())

    def usage(self, completion: Json) -> dict[str, Any]:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage(completion)}

    def _chunk(self, delta: Json, finish_reason: str | None, logprobs: Sequence[Json]) -> dict[str, Any]:
        shown = self._logprobs(logprobs) if logprobs else None
        choice = {"index": 0, "delta": delta, "logprobs": shown, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return {**head, "system_fingerprint": self.fingerprint}

    def _logprobs(self, logprobs: Sequence[Json]) -> dict[str, Any] | None:
        if not self.with_logprobs:
            return None
        content = [
            {**_token(one["text"], one["logprob"]), "top_logprobs": [_token(*other) for other in one["top"]]}
            for one in logprobs
        ]
        return {"content": content, "refusal": None}


def usage(completion: Json) -> dict[str, int]:
    prompt, answer = completion["prompt_tokens"], completion["completion_tokens"]
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _token(text: str, logprob: float) -> dict[str, Any]:
    """A token that is only a part of a character has no bytes here: the tokenizer gives text."""
    return {"token": text, "logprob": logprob, "bytes": None if "\ufffd" in text else list(text.encode())}
