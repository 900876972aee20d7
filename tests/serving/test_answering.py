"""What one process of a server does with the requests that it has at once."""

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bakeoff.models.base import Message, Parameters
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.serving import memory
from bakeoff.serving.answering import Answering
from bakeoff.serving.loading import load
from bakeoff.serving.wire import messages_to_json, parameters_to_json

BRIEF = Parameters(max_new_tokens=8)
COLOUR = Parameters(max_new_tokens=8, json_schema={"enum": ["red", "a stormy green"]})


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    pairs = [socket.socketpair() for _ in range(4)]
    yield [pair[0] for pair in pairs]
    for pair in pairs:
        for end in pair:
            end.close()


@pytest.fixture
def answering(smollm2: Path) -> Answering:
    loaded = load(smollm2, "smollm2", 4, 1)
    if loaded.together is None:
        pytest.skip("on this CPU answers written together differ from those alone, and are not")
    assert (loaded.streams, loaded.processes) == (4, 1)
    return loaded.answering()


@pytest.fixture(scope="module")
def alone(smollm2: Path) -> OnnxChatModel:
    return OnnxChatModel(smollm2, "smollm2")


def chat(question: str, parameters: Parameters = BRIEF, **more: Any) -> dict[str, Any]:
    messages = messages_to_json([Message("user", question)])
    return {"kind": "chat", "messages": messages, "parameters": parameters_to_json(parameters), "stream": False, **more}


def last_replies(answering: Answering) -> dict[socket.socket, Mapping[str, Any]]:
    ends: dict[socket.socket, Mapping[str, Any]] = {}
    while answering.busy:
        for connection, reply in answering.advance():
            assert connection not in ends, "a reply after the last one"
            if "end" in reply:
                ends[connection] = reply
    return ends


def text(reply: Mapping[str, Any]) -> str:
    return str(reply["completion"]["text"])


def test_each_request_gets_its_own_end(
    answering: Answering, clients: list[socket.socket], alone: OnnxChatModel
) -> None:
    answering.begin(clients[0], chat("Name a colour."))
    answering.begin(clients[1], chat("Name a colour.", COLOUR))
    answering.begin(clients[2], chat(" "))
    answering.begin(clients[3], {"kind": "embed", "texts": ["a"]})
    ends = last_replies(answering)
    assert text(ends[clients[0]]) == alone.complete([Message("user", "Name a colour.")], BRIEF).text
    assert text(ends[clients[1]]) == alone.complete([Message("user", "Name a colour.")], COLOUR).text
    assert "the question is empty" in ends[clients[2]]["error"]["message"]
    assert "is a chat model" in ends[clients[3]]["error"]["message"]


def test_streamed_pieces_make_the_answer(answering: Answering, clients: list[socket.socket]) -> None:
    answering.begin(clients[0], chat("Name a colour.", stream=True))
    pieces = []
    while answering.busy:
        pieces += [reply for _, reply in answering.advance()]
    assert text(pieces[-1]) == "".join(piece.get("text", "") for piece in pieces)
    assert len(pieces) > 3


@pytest.mark.parametrize("parameters", [BRIEF, COLOUR])
def test_a_cancelled_request_gets_no_more_replies(
    parameters: Parameters, answering: Answering, clients: list[socket.socket]
) -> None:
    answering.begin(clients[0], chat("Name a colour.", parameters))
    answering.begin(clients[1], chat("Name a colour."))
    answering.advance()
    answering.cancel(clients[0])
    assert set(last_replies(answering)) == {clients[1]}


def test_without_room_for_a_second_copy_all_are_answered_alone(
    answering: Answering, clients: list[socket.socket], alone: OnnxChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free", lambda: 10_000_000)
    answering.begin(clients[0], chat("Name a colour."))
    answering.advance()
    answering.begin(clients[1], chat("Name a colour.", COLOUR))
    answering.begin(clients[2], chat("Name a city."))
    ends = last_replies(answering)
    assert answering._together is None
    assert text(ends[clients[0]]) == alone.complete([Message("user", "Name a colour.")], BRIEF).text
    assert text(ends[clients[1]]) == alone.complete([Message("user", "Name a colour.")], COLOUR).text
    assert text(ends[clients[2]]) == alone.complete([Message("user", "Name a city.")], BRIEF).text
    scored = {"kind": "loglikelihood", "prefix": "A", "continuations": [" b"], "overflow": "error"}
    answering.begin(clients[0], scored)
    assert last_replies(answering)[clients[0]]["scores"][0]["tokens"] == 1
