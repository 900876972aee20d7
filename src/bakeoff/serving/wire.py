"""Messages, parameters and answers as JSON lines: between server, the processes of a model, and workers of a batch."""

import base64
import json
import select
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bakeoff import errors
from bakeoff.errors import BakeoffError
from bakeoff.models.base import Completion, Image, Message, ModelIdentity, Parameters

LONGEST_LINE = 2**28


class Lines:
    """The lines that come from a socket; `ended` once no more will, or one is too long."""

    def __init__(self, connection: socket.socket):
        self._connection, self._rest = connection, bytearray()
        self.ended = False

    def read(self) -> list[bytes]:
        """Those that what has arrived by now completes."""
        try:
            piece = self._connection.recv(2**20)
        except OSError:
            piece = b""
        self._rest += piece
        self.ended = not piece or len(self._rest) > LONGEST_LINE
        if b"\n" not in piece:
            return []
        *lines, self._rest = self._rest.split(b"\n")
        return [bytes(line) for line in lines]


def send(connection: socket.socket, reply: Mapping[str, Any]) -> None:
    """Raises OSError where the other side is gone."""
    connection.sendall(json.dumps(reply).encode() + b"\n")


def readable(sockets: Collection[socket.socket], seconds: float | None) -> set[socket.socket]:
    """Those that have something to read, after at most so many seconds (None: however many it takes)."""
    return set(select.select(sockets, [], [], seconds)[0])


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
