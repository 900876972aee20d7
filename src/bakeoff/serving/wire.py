"""Messages, parameters and answers as JSON, between the server, the processes of a model, and workers of a batch."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bakeoff import errors
from bakeoff.errors import BakeoffError
from bakeoff.models.base import Completion, Image, Message, ModelIdentity, Parameters


def messages_to_json(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [
        {
            "role": message.role,
            "text": message.text,
            "images": [
                {"media_type": image.media_type, "data": base64.b64encode(image.data).decode("ascii")}
                for image in message.images
            ],
        }
        for message in messages
    ]


def messages_from_json(messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    return [
        Message(
            message["role"],
            message["text"],
            tuple(Image(base64.b64decode(image["data"]), image["media_type"]) for image in message["images"]),
        )
        for message in messages
    ]


def parameters_to_json(parameters: Parameters) -> dict[str, Any]:
    """All that matters to a local model: it has no `image_detail`."""
    return {name: value for name, value in asdict(parameters).items() if name != "image_detail"}


def parameters_from_json(parameters: Mapping[str, Any]) -> Parameters:
    return Parameters(**{**parameters, "stop": tuple(parameters["stop"])})


def completion_from_json(completion: Mapping[str, Any]) -> Completion:
    return Completion(**{**completion, "model": ModelIdentity(**completion["model"])})


def error_to_json(error: BakeoffError) -> dict[str, str]:
    return {"class": type(error).__name__, "message": str(error)}


def error_from_json(error: Mapping[str, str]) -> BakeoffError:
    """The error as it was raised in the other process."""
    kind = getattr(errors, error["class"], BakeoffError)
    return kind(error["message"])
