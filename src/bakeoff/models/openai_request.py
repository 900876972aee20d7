"""A chat request in the OpenAI protocol, and what to leave out for endpoints that do not know all of it."""

import base64
from collections.abc import Collection, Sequence
from typing import Any

from bakeoff.errors import InputError
from bakeoff.models.base import ImageDetail, Message, Parameters

TOKEN_LIMITS = ("max_completion_tokens", "max_tokens")
OPTIONAL = ("stream_options", *TOKEN_LIMITS, "temperature", "top_p", "seed", "stream", "response_format")
CHANGES_ANSWERS = ("temperature", "top_p", "seed", "response_format")


def request_body(
    model: str, messages: Sequence[Message], parameters: Parameters, unsupported: Collection[str], token_limit: str
) -> dict[str, Any]:
    """The JSON body of a chat completion request.

    unsupported: names of OPTIONAL parameters that the endpoint refused before. token_limit: which of TOKEN_LIMITS to
    use; the other one where that is unsupported. Raises InputError for text that has no UTF-8 form. See https://platform.openai.com/docs/api-reference/chat/create.
    """
    if token_limit in unsupported:
        token_limit = next(name for name in TOKEN_LIMITS if name != token_limit)
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, parameters.image_detail) for message in messages],
        token_limit: parameters.max_new_tokens,
        "temperature": parameters.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if parameters.top_p < 1:
        body["top_p"] = parameters.top_p
    if parameters.seed is not None:
        body["seed"] = parameters.seed
    if parameters.stop:
        body["stop"] = list(parameters.stop)
    if parameters.json_schema is not None:
        schema = {"name": "answer", "schema": dict(parameters.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    left_out = {*unsupported, "stream_options"} if "stream" in unsupported else set(unsupported)
    return {name: value for name, value in body.items() if name not in left_out}


def _message(message: Message, detail: ImageDetail) -> dict[str, Any]:
    try:
        message.text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"a {message.role} message has half a character (a lone surrogate) at position {error.start}: "
            "it was cut or decoded wrongly and cannot be sent"
        ) from None
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}]
    for image in message.images:
        url = f"data:{image.media_type};base64,{base64.b64encode(image.data).decode('ascii')}"
        image_url = {"url": url} if detail == "auto" else {"url": url, "detail": detail}
        parts.append({"type": "image_url", "image_url": image_url})
    return {"role": message.role, "content": parts}
