"""The requests that one process answers at once, a token of each at a time."""

import socket
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError, InputError
from bakeoff.models.base import Delta
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_embedding import OnnxEmbeddingModel
from bakeoff.models.onnx_together import Answer, Together
from bakeoff.serving import memory
from bakeoff.serving.wire import error_to_json, messages_from_json, parameters_from_json

Json = Mapping[str, Any]
Reply = dict[str, Any]
Model = OnnxChatModel | OnnxEmbeddingModel


class Answering:
    """Requests under way by the connections they came from, one a connection.

    Answers that the model can write together are; everything else is answered beside them, one after another. An
    answer that has to be written alone takes a second copy of the weights, for onnxruntime-genai. Where there is no
    room for it, those under way are ended first and all are written alone from then on: they stay the same.
    """

    def __init__(self, model: Model, together: Together | None):
        self._model, self._together = model, together
        self._is_closing = False
        self._written: dict[Answer, tuple[socket.socket, Json]] = {}
        self._alone: dict[socket.socket, Generator[Reply, None, None]] = {}
        self._ready: list[tuple[socket.socket, Reply]] = []

    @property
    def busy(self) -> bool:
        return bool(self._written or self._alone or self._ready)

    def begin(self, connection: socket.socket, request: Json) -> None:
        """Take a request: `advance` answers it."""
        try:
            answer = self._begin_together(request)
        except BakeoffError as error:
            self._ready.append((connection, _refusal(error)))
            return
        if answer:
            self._written[answer] = connection, request
        else:
            self._alone[connection] = _replies(self._model, request)

    def advance(self) -> list[tuple[socket.socket, Reply]]:
        """Go on with every answer; the replies there are, each request's last one with `end`."""
        replies, self._ready = self._ready, []
        for answer in self._together.advance() if self._together and self._written else ():
            connection, request = self._written[answer]
            deltas, answer.deltas = answer.deltas, []
            replies += [(connection, _reply(delta, request)) for delta in deltas]
            if answer.ended:
                del self._written[answer]
            if answer.error:
                replies.append((connection, _refusal(answer.error)))
        if self._together and self._is_closing and not self._written:
            self._together.model.forget_decoder()
            self._together, self._is_closing = None, False
        for connection in () if self._is_closing else list(self._alone)[:1]:
            try:
                reply = next(self._alone[connection])
            except BakeoffError as error:
                reply = _refusal(error)
            replies.append((connection, reply))
            if "end" in reply:
                self.cancel(connection)
        return replies

    def cancel(self, connection: socket.socket) -> None:
        """Nobody waits for the answer any more."""
        self._ready = [(owner, reply) for owner, reply in self._ready if owner is not connection]
        if connection in self._alone:
            self._alone.pop(connection).close()
        for answer in [answer for answer, (owner, _) in self._written.items() if owner is connection]:
            del self._written[answer]
            if self._together:
                self._together.end(answer)

    def _begin_together(self, request: Json) -> Answer | None:
        if self._together is None or self._is_closing or request["kind"] != "chat":
            return None
        answer = None
        if not request.get("adapter"):
            messages, parameters = messages_from_json(request["messages"]), parameters_from_json(request["parameters"])
            answer = self._together.begin(messages, parameters, request.get("top_logprobs"))
        model = self._together.model
        self._is_closing = not answer and not model.is_loaded and memory.free() < memory.needed(model.folder, 0)
        return answer


def facts(model: Model) -> Reply:
    """What a server says of its model."""
    if isinstance(model, OnnxChatModel):
        return {
            "identity": asdict(model.identity),
            "context_length": model.context_length,
            "sees_images": model.sees_images,
        }
    return {"identity": asdict(model.identity), "context_length": model.max_tokens, "dimension": model.dimension}


def _replies(model: Model, request: Json) -> Generator[Reply, None, None]:
    """Raises InputError for a request that this kind of model does not take, and what the model raises."""
    kind = request["kind"]
    if isinstance(model, OnnxEmbeddingModel) != (kind == "embed"):
        raise InputError(f"{model.identity.name} is {'a chat' if kind == 'embed' else 'an embedding'} model")
    if isinstance(model, OnnxEmbeddingModel):
        texts = request["texts"]
        yield {"vectors": model.embed(texts).tolist(), "tokens": sum(model.count_tokens(texts)), "end": True}
        return
    if request.get("adapter"):
        model = model.with_adapter(request["adapter"]["name"], Path(request["adapter"]["file"]))
    if kind == "count_tokens":
        yield {"tokens": model.count_tokens(request["text"]), "end": True}
    elif kind == "loglikelihood":
        scores = model.loglikelihood(request["prefix"], request["continuations"], request["overflow"])
        yield {"scores": [asdict(score) for score in scores], "end": True}
    else:
        messages, parameters = messages_from_json(request["messages"]), parameters_from_json(request["parameters"])
        for delta in model.stream(messages, parameters, request.get("top_logprobs")):
            yield _reply(delta, request)


def _reply(delta: Delta, request: Json) -> Reply:
    """Empty where the client wants the whole answer only."""
    if delta.completion:
        return {"completion": delta.completion.to_dict(), "end": True}
    if request["stream"] or delta.logprobs:
        return {"text": delta.text, "logprobs": [asdict(logprob) for logprob in delta.logprobs]}
    return {}


def _refusal(error: BakeoffError) -> Reply:
    return {"error": error_to_json(error), "end": True}
