"""Answers written together are those that the model writes alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bakeoff.errors import BakeoffError, InputError
from bakeoff.models.base import Completion, Delta, Message, Parameters
from bakeoff.models.onnx_batch import LONGEST
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_decoder import Decoder
from bakeoff.models.onnx_together import Answer, Together, open_together

SYSTEM = Message("system", "Answer briefly.")
ASKED: list[tuple[list[Message], Parameters]] = [
    ([SYSTEM, Message("user", "What is the capital of France?")], Parameters(max_new_tokens=12)),
    ([Message("user", "Tell me a story about the sea.")], Parameters(max_new_tokens=20)),
    ([SYSTEM, Message("user", "Count to ten.")], Parameters(max_new_tokens=30, stop=("3", "e "))),
    ([SYSTEM, Message("user", "Name a colour.")], Parameters(max_new_tokens=1)),
    ([SYSTEM, Message("user", "Invent a word.")], Parameters(max_new_tokens=9, temperature=0.9, seed=3)),
    ([Message("user", "Invent two words.")], Parameters(max_new_tokens=9, temperature=1.5, top_p=0.8, seed=4)),
    ([SYSTEM, Message("user", "Say something.")], Parameters(max_new_tokens=5)),
]


@pytest.fixture
def together(chat: OnnxChatModel) -> Together:
    opened = open_together(chat, 3)
    if opened is None:
        pytest.skip("on this CPU rows computed together differ from those alone, and are not used")
    return opened


def write(together: Together, answers: Sequence[Answer | None]) -> None:
    while any(answer and not answer.ended for answer in answers):
        together.advance()


def outcome(deltas: Sequence[Delta]) -> tuple[Completion | None, str, list[Any]]:
    """The completion without its times, the text of the pieces, and their log-probabilities."""
    completion = deltas[-1].completion
    timeless = completion and replace(completion, time_to_first_token=None, total_time=0.0)
    return timeless, "".join(d.text for d in deltas), [logprob for d in deltas for logprob in d.logprobs]


@pytest.mark.parametrize("top_logprobs", [None, 2])
def test_every_answer_is_the_one_alone(top_logprobs: int | None, chat: OnnxChatModel, together: Together) -> None:
    expected = [outcome(list(chat.stream(*asked, top_logprobs))) for asked in ASKED]
    found = [together.begin(*asked, top_logprobs) for asked in ASKED]
    write(together, found)
    answers = [answer for answer in found if answer]
    assert [outcome(answer.deltas) for answer in answers] == expected
    completions = [answer.deltas[-1].completion for answer in answers]
    assert all(completion and (completion.time_to_first_token or 0) > 0 for completion in completions)


def test_an_answer_that_nobody_waits_for_leaves_the_others_alone(chat: OnnxChatModel, together: Together) -> None:
    first, second, third = (together.begin(*ASKED[i]) for i in (1, 0, 6))
    assert first
    assert second
    assert third
    for _ in range(4):
        together.advance()
    together.end(first)
    together.end(first)
    write(together, [second, third])
    assert not first.ended
    for answer, asked in ((second, ASKED[0]), (third, ASKED[6])):
        assert outcome(answer.deltas) == outcome(list(chat.stream(*asked)))
    given_up = together.begin(*ASKED[0])
    assert given_up
    together.end(given_up)
    assert together.advance() == []


def test_where_the_runtime_fails_every_answer_under_way_says_so(
    chat: OnnxChatModel, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [together.begin(*ASKED[0]), together.begin(*ASKED[1])]
    together.advance()
    together.advance()

    def fail(*_: object) -> None:
        raise BakeoffError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(Decoder, "run", fail)
        together.advance()
        unread = together.begin(*ASKED[6])
        together.advance()
    assert unread
    assert [str(answer.error) for answer in (*answers, unread) if answer] == ["out of memory"] * 3
    again = together.begin(*ASKED[0])
    assert again
    write(together, [again])
    assert outcome(again.deltas) == outcome(list(chat.stream(*ASKED[0])))


def test_what_is_written_alone(together: Together) -> None:
    messages = ASKED[0][0]
    assert together.begin(messages, Parameters(json_schema={"type": "object"})) is None
    with pytest.raises(InputError, match="the question is empty"):
        together.begin([Message("user", "")], Parameters())


def test_a_very_long_answer_is_written_alone(smol: OnnxChatModel) -> None:
    assert smol.decoder
    together = Together(smol, smol.decoder, 2)
    assert together.begin(ASKED[0][0], Parameters(max_new_tokens=LONGEST)) is None


def test_what_the_context_cuts_off_is_no_long_answer(phi3: OnnxChatModel) -> None:
    """512 tokens of context, 5,000 asked for."""
    assert phi3.decoder
    together, asked = Together(phi3, phi3.decoder, 2), (ASKED[1][0], Parameters(max_new_tokens=LONGEST + 904))
    answer = together.begin(*asked)
    assert answer
    write(together, [answer])
    assert outcome(answer.deltas) == outcome(list(phi3.stream(*asked)))


def test_a_model_with_eyes_writes_nothing_together(phi3v: OnnxChatModel) -> None:
    assert open_together(phi3v, 2) is None
