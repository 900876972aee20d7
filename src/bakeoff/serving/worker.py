"""The processes of one model: they load it, share its weights, and each answers one request at a time.

    python -m bakeoff.serving.worker FOLDER NAME PORT STREAMS      (a token on standard input)

onnxruntime-genai 0.18 keeps Python's lock while it computes, so threads of one process answer one after another, and
its Engine does not take graphs that give the last position's logits only, such as the embedded model's. Forked
processes share the loaded weights, the packed copies that onnxruntime makes of them too, answer bit for bit as the one
process would, and add about 20 MB each (perf/serve_design.py). Each connects to PORT on the loopback interface, shows
the token, and then takes JSON lines: a request, answered by one or more lines, the last with `end`. Any line that
arrives in between cancels. They end with their connection, so none is left when the server is killed.
"""

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bakeoff.catalog import embedding_folder
from bakeoff.errors import BakeoffError, InputError
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_embedding import OnnxEmbeddingModel
from bakeoff.serving.wire import error_to_json, messages_from_json, parameters_from_json

Json = Mapping[str, Any]


def main() -> None:
    folder, name, port, streams = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    token = sys.stdin.readline().strip()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group: the server says when to stop
    if streams > 1:
        os.environ["BAKEOFF_THREADS"] = "1"  # a forked process has no threads but its own
    model, failure = None, None
    try:
        model = OnnxEmbeddingModel(folder, name) if embedding_folder.is_one(folder) else OnnxChatModel(folder, name)
    except BakeoffError as error:
        failure = error
    if model is not None:
        for _ in range(streams - 1):
            if os.fork() == 0:
                break
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send(connection, {"token": token, **({"error": error_to_json(failure)} if failure else facts(model))})
        if model is not None:
            _serve(model, connection)
    os._exit(0)  # a forked process cannot shut the runtime down: it would wait for threads that it does not have


def facts(model: OnnxChatModel | OnnxEmbeddingModel | None) -> dict[str, Any]:
    if isinstance(model, OnnxChatModel):
        return {
            "identity": asdict(model.identity),
            "context_length": model.context_length,
            "sees_images": model.sees_images,
        }
    assert model is not None
    return {"identity": asdict(model.identity), "context_length": model.max_tokens, "dimension": model.dimension}


def _serve(model: OnnxChatModel | OnnxEmbeddingModel, connection: socket.socket) -> None:
    lines = connection.makefile("rb")
    try:
        while line := lines.readline():
            request = json.loads(line)
            if "cancel" in request:
                continue  # it came after the end of its request
            last: Json = {}
            try:
                with closing(answer(model, request)) as replies:
                    for reply in replies:
                        if select.select([connection], [], [], 0)[0]:
                            lines.readline()
                            break
                        if last:
                            send(connection, last)
                        last = reply
            except BakeoffError as error:
                last = {"error": error_to_json(error)}
            send(connection, {**last, "end": True})
    except OSError:
        return  # the server is gone


def answer(model: OnnxChatModel | OnnxEmbeddingModel, request: Json) -> Generator[dict[str, Any], None, None]:
    """Replies to one request; an empty one is only an occasion to cancel.

    Raises InputError for a request that this kind of model does not take, and what the model raises.
    """
    kind = request["kind"]
    if isinstance(model, OnnxEmbeddingModel) != (kind == "embed"):
        raise InputError(f"{model.identity.name} is {'a chat' if kind == 'embed' else 'an embedding'} model")
    if isinstance(model, OnnxChatModel) and request.get("adapter"):
        model = model.with_adapter(request["adapter"]["name"], Path(request["adapter"]["file"]))
    if isinstance(model, OnnxEmbeddingModel):
        texts = request["texts"]
        yield {"vectors": model.embed(texts).tolist(), "tokens": sum(model.count_tokens(texts))}
    elif kind == "count_tokens":
        yield {"tokens": model.count_tokens(request["text"])}
    elif kind == "loglikelihood":
        scores = model.loglikelihood(request["prefix"], request["continuations"], request["overflow"])
        yield {"scores": [asdict(score) for score in scores]}
    else:
        messages, parameters = messages_from_json(request["messages"]), parameters_from_json(request["parameters"])
        for delta in model.stream(messages, parameters, request.get("top_logprobs")):
            if delta.completion:
                yield {"completion": delta.completion.to_dict()}
            elif request["stream"] or delta.logprobs:
                yield {"text": delta.text, "logprobs": [asdict(logprob) for logprob in delta.logprobs]}
            else:
                yield {}


def send(connection: socket.socket, reply: Json) -> None:
    connection.sendall(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main()
