"""From messages to the token ids of a prompt: the model's own chat template, a structure nobody can forge, a fit."""

import json
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np

from bakeoff.errors import InputError, NotSupportedError, PromptTooLongError
from bakeoff.models.base import Message, Parameters
from bakeoff.models.history import without_oldest_turn
from bakeoff.models.onnx_text import PIECE, Ids, Part, TextEncoder
from bakeoff.models.onnx_vision import ReadImages, Vision, check_images, image_parts

COUNTED_CONTEXTS = 16
"""How many times the context a prompt is counted, to say how much too long it is."""


@dataclass(frozen=True)
class Prompt:
    """Token ids of a rendered prompt, how many of the oldest history messages were left out, and its images.

    head: how many of the ids come before the first message that is not the system's.
    """

    ids: Ids
    dropped_turns: int = 0
    images: ReadImages | None = None
    head: int = 0


class PromptBuilder:
    """Builds prompts for one model: its tokenizer, text encoder, context length in tokens, name, and eyes if any."""

    def __init__(self, tokenizer: Any, encoder: TextEncoder, context: int, name: str, vision: Vision | None = None):
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._context = context
        self._name = name
        self._vision = vision

    def build(self, messages: Sequence[Message], parameters: Parameters) -> Prompt:
        """The prompt of a conversation.

        With overflow `truncate` the oldest history is left out until max_new_tokens fit beside the prompt, never the
        system prompt or the last question; the images of a turn go with it. Raises InputError for bad messages and
        images that cannot be read, NotSupportedError for images before a model without eyes and for roles the template
        has no place for, PromptTooLongError where not even one new token fits.
        """
        check_messages(messages)
        check_images(messages, self._name, self._vision is not None)
        images = self._vision.read(messages) if self._vision else None
        versions = [list(messages)]
        if parameters.overflow == "truncate":
            while len(shorter := without_oldest_turn(versions[-1])) < len(versions[-1]):
                versions.append(shorter)
        room = self._context - parameters.max_new_tokens
        sizes = images.counts if images else ()
        chosen = bisect_left(
            versions, True, hi=len(versions) - 1, key=lambda m: self._count(self.render(m), _of(m, sizes)) <= room
        )
        kept = versions[chosen]
        parts, kept_sizes = self.render(kept), _of(kept, sizes)
        advice = "shorten the question"
        if kept_sizes:
            advice = f"{sum(kept_sizes):,} are for {len(kept_sizes)} images: send fewer, or {advice}"
        if parameters.overflow == "error" and any(message.role == "assistant" for message in messages):
            advice += " or let overflow='truncate' leave out the oldest history"
        self.check_length(parts, 1, f"max_new_tokens is {parameters.max_new_tokens}: {advice}", kept_sizes)
        if self._vision and len(kept_sizes) < len(sizes):
            images = self._vision.read(kept)
        ids = self._encode(parts, kept_sizes)
        head = 0 if images else self._head(parts[: 3 if kept[0].role == "system" else 1], ids)
        return Prompt(ids, len(messages) - len(kept), images, head)

    def render(self, messages: Sequence[Message]) -> list[Part]:
        """The chat template's own text as trusted parts, the messages' images and texts between them.

        The template sees a placeholder for each text, with the white space around it (some templates trim), and one
        in front of it for the turn's images. Raises NotSupportedError where the template refuses the messages or
        leaves one of them out.
        """
        key = uuid4().hex
        shown = [
            (f"{key}i{i}n" if message.images else "") + _with_placeholder(message.text, f"{key}t{i}n")
            for i, message in enumerate(messages)
        ]
        turns = [{"role": m.role, "content": content} for m, content in zip(messages, shown, strict=True)]
        try:
            rendered = self._tokenizer.apply_chat_template(json.dumps(turns), add_generation_prompt=True)
        except RuntimeError as error:
            reason = str(error).split("\n")[0]
            raise NotSupportedError(
                f"the chat template of {self._name} does not take these messages: {reason}"
            ) from error
        pieces = re.split(rf"{key}([it]\d+)n", rendered)
        used = set(pieces[1::2])
        for i, message in enumerate(messages):
            if (message.text.strip() and f"t{i}" not in used) or (message.images and f"i{i}" not in used):
                raise NotSupportedError(
                    f"the chat template of {self._name} leaves out the {message.role} message: "
                    "put its text into the question"
                )
        parts = [Part(pieces[0], trusted=True)]
        for place, text in zip(pieces[1::2], pieces[2::2], strict=True):
            message = messages[int(place[1:])]
            if place[0] == "t":
                parts.append(Part(message.text.strip()))
            elif self._vision:
                parts += image_parts(self._vision.markup, len(message.images))
            parts.append(Part(text, trusted=True))
        return parts

    def check_length(
        self, parts: Sequence[Part], new_tokens: int, detail: str, image_sizes: Sequence[int] = ()
    ) -> None:
        """Raises PromptTooLongError with the numbers where the parts and `new_tokens` do not fit into the context.

        image_sizes: tokens of each image of the parts.
        """
        count = self._count(parts, image_sizes)
        if count + new_tokens > self._context:
            raise PromptTooLongError(
                f"{self._name}: the prompt has {self._in_words(count)} tokens, the context {self._context:,}; {detail}"
            )

    def _head(self, parts: Sequence[Part], ids: Ids) -> int:
        """How many of the ids are those of `parts`, with which the prompt begins: the last one may be another."""
        own = self._encoder.encode(parts)
        size = min(len(own), len(ids))
        differs = np.flatnonzero(own[:size] != ids[:size])
        return int(differs[0]) if len(differs) else size

    def _encode(self, parts: Sequence[Part], image_sizes: Sequence[int]) -> Ids:
        return self._vision.encode(parts, image_sizes) if self._vision else self._encoder.encode(parts)

    def _count(self, parts: Sequence[Part], image_sizes: Sequence[int]) -> int:
        """The number of tokens; an estimate where it is more than twice the context, so that it never takes long."""
        if sum(len(part.text) for part in parts) > PIECE:
            estimate = self._encoder.estimate(parts, COUNTED_CONTEXTS * self._context) + sum(image_sizes)
            if estimate > 2 * self._context:
                return estimate
        return len(self._encode(parts, image_sizes))

    def _in_words(self, count: int) -> str:
        most = COUNTED_CONTEXTS * self._context
        if count > most:
            return f"more than {most:,}"
        return f"about {count:,}" if count > 2 * self._context else f"{count:,}"


def check_messages(messages: Sequence[Message]) -> None:
    """Raises InputError for a conversation that cannot be answered."""
    if not messages:
        raise InputError("there is no message to answer")
    for i, message in enumerate(messages):
        if message.role == "system" and i > 0:
            raise InputError(f"message {i + 1} is a system message: only the first one may be")
    last = messages[-1]
    if last.role != "user":
        raise InputError(f"the last message is the {last.role}'s: it must be the user's question")
    if not last.text.strip():
        raise InputError("the question is empty")


def _of(messages: Sequence[Message], image_sizes: Sequence[int]) -> Sequence[int]:
    """The sizes of the images that the shortened messages still have: the newest ones."""
    return image_sizes[len(image_sizes) - sum(len(message.images) for message in messages) :]


def _with_placeholder(text: str, placeholder: str) -> str:
    stripped = text.strip()
    if not stripped:
        return text
    lead = len(text) - len(text.lstrip())
    return text[:lead] + placeholder + text[lead + len(stripped) :]
