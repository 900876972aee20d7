"""A chat completion request in the OpenAI protocol, checked field by field.

https://platform.openai.com/docs/api-reference/chat/create. What cannot be done here is refused, never ignored, but for
fields that change no answer.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bakeoff.errors import InputError
from bakeoff.models.base import Image, Message, Parameters, Role
from bakeoff.serving.api_errors import ApiError

DEFAULT_MAX_TOKENS = 1024
MOST_TOP_LOGPROBS = 20
IGNORED = {"user", "metadata", "safety_identifier", "prompt_cache_key", "service_tier", "stream_options"}
NEUTRAL: Mapping[str, Sequence[Any]] = {
    "n": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "store": (False,),
    "modalities": (["text"],),
}
"""Values of parameters that the server does not have, with which they do nothing."""
KNOWN = {
    *("model", "messages", "stream", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop"),
    *("response_format", "logprobs", "top_logprobs"),
}
DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,(.*)", re.DOTALL)


@dataclass(frozen=True)
class ChatRequest:
    """top_logprobs: None where no log-probabilities were asked for."""

    model: str
    messages: list[Message]
    parameters: Parameters
    top_logprobs: int | None
    stream: bool
    include_usage: bool


def read_chat_request(body: Mapping[str, Any]) -> ChatRequest:
    """The request in a JSON body. Raises ApiError (400) naming the parameter."""
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name in NEUTRAL and value not in NEUTRAL[name]:
            raise ApiError(400, f"{name} is not supported here", param=name, code="unsupported_parameter")
        if name not in NEUTRAL and name not in IGNORED and name not in KNOWN:
            raise ApiError(400, f"unknown parameter: {name}", param=name, code="unknown_parameter")
    limits = [_integer(given, name) for name in ("max_completion_tokens", "max_tokens") if name in given]
    stop = given.get("stop", [])
    wanted = _boolean(given, "logprobs")
    top = _integer(given, "top_logprobs") if "top_logprobs" in given else 0
    if not 0 <= top <= MOST_TOP_LOGPROBS:
        raise ApiError(400, f"top_logprobs is {top}: it must lie between 0 and 20", param="top_logprobs")
    if "top_logprobs" in given and not wanted:
        raise ApiError(400, "top_logprobs needs logprobs: true", param="top_logprobs")
    if isinstance(stop, str):
        stop = [stop]
    if not isinstance(stop, list) or not all(isinstance(text, str) for text in stop):
        raise ApiError(400, "stop is neither a string nor a list of strings", param="stop")
    options = given.get("stream_options", {})
    if not isinstance(options, dict):
        raise ApiError(400, "stream_options is not an object", param="stream_options")
    try:
        parameters = Parameters(
            max_new_tokens=limits[0] if limits else DEFAULT_MAX_TOKENS,
            temperature=_number(given, "temperature", 1.0),
            top_p=_number(given, "top_p", 1.0),
            seed=_integer(given, "seed") if "seed" in given else None,
            stop=tuple(stop),
            json_schema=_schema(given.get("response_format", {"type": "text"})),
        )
    except InputError as error:
        raise ApiError(400, str(error)) from None
    return ChatRequest(
        model=read_model(given),
        messages=_messages(given.get("messages")),
        parameters=parameters,
        top_logprobs=top if wanted else None,
        stream=_boolean(given, "stream"),
        include_usage=bool(options.get("include_usage")),
    )


def read_model(body: Mapping[str, Any]) -> str:
    """The name of the model. Raises ApiError (400) where there is none."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise ApiError(400, "model must name a model of /v1/models", param="model")
    return model


def _messages(messages: Any) -> list[Message]:
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "messages must be a list with at least one message", param="messages")
    return [_message(message, f"messages[{i}]") for i, message in enumerate(messages)]


def _message(message: Any, where: str) -> Message:
    if not isinstance(message, dict):
        raise ApiError(400, f"{where} is not an object", param=where)
    role, content = message.get("role"), message.get("content")
    role = "system" if role == "developer" else str(role)
    texts, images = [], []
    if content is not None and not isinstance(content, str | list):
        raise ApiError(400, f"{where}.content must be a string or a list of parts", param=where)
    for i, part in enumerate([{"type": "text", "text": content}] if isinstance(content, str) else content or []):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image_url":
            images.append(_image(part.get("image_url"), f"{where}.content[{i}]"))
        else:
            raise ApiError(400, f"{where}.content[{i}] must be a part of type text or image_url", param=where)
    try:
        return Message(cast(Role, role), "\n".join(texts), tuple(images))
    except InputError as error:
        raise ApiError(400, str(error), param=f"{where}.role") from None


def _image(image: Any, where: str) -> Image:
    url = image.get("url") if isinstance(image, dict) else image
    found = DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if not found:
        raise ApiError(400, f"{where}: send the image itself, as a URL data:image/png;base64,...", param=where)
    try:
        return Image(base64.b64decode(found[2], validate=True), found[1])
    except binascii.Error as error:
        raise ApiError(400, f"{where}: the image is not base64 ({error})", param=where) from None


def _schema(response_format: Any) -> Mapping[str, Any] | None:
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    schema = response_format.get("json_schema") if kind == "json_schema" else None
    schema = schema.get("schema") if isinstance(schema, dict) else None
    if not isinstance(schema, dict):
        raise ApiError(
            400,
            "response_format must be of type text, json_object, or json_schema with json_schema.schema",
            param="response_format",
        )
    return schema


def _number(given: Mapping[str, Any], name: str, default: float) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ApiError(400, f"{name} must be a number", param=name)
    try:
        return float(value)
    except OverflowError:
        raise ApiError(400, f"{name} is too large", param=name) from None


def _integer(given: Mapping[str, Any], name: str) -> int:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**31 - 1:
        raise ApiError(400, f"{name} must be a whole number of at most 31 bits", param=name)
    return value


def _boolean(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise ApiError(400, f"{name} must be true or false", param=name)
    return value
