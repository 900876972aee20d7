"""The system prompt of the last answer is not read again, and the answer is the same to the last bit."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bakeoff.models.base import Message, Parameters, TokenLogprob
from bakeoff.models.onnx_chat import OnnxChatModel

SYSTEM = "Answer from the passages, in one short sentence. If they do not answer the question, say: I don't know."
QUESTIONS = ("What is the capital of France?", "Name a colour of the rainbow and say why you like it.", "Say hello.")
BRIEF = Parameters(max_new_tokens=6)


@pytest.fixture(scope="module")
def model(smollm2: Path) -> OnnxChatModel:
    return OnnxChatModel(smollm2, "smollm2")


def answer(model: OnnxChatModel, system: str, question: str, parameters: Parameters = BRIEF) -> Sequence[TokenLogprob]:
    messages = [Message("system", system), Message("user", question)]
    return [logprob for delta in model.stream(messages, parameters, 3) for logprob in delta.logprobs]


def test_a_kept_system_prompt_changes_no_bit_of_an_answer(model: OnnxChatModel) -> None:
    cold = []
    for question in QUESTIONS:
        model._prefixes.forget()
        cold.append(answer(model, SYSTEM, question))
    known = model._prefixes.reused
    warm = [answer(model, SYSTEM, question) for question in reversed(QUESTIONS)]
    system_tokens = model.count_tokens(SYSTEM)
    assert model._prefixes.reused - known >= len(QUESTIONS) * system_tokens
    assert warm[::-1] == cold
    assert len({tuple(one) for one in cold}) == len(QUESTIONS)


def test_another_system_prompt_is_read(model: OnnxChatModel) -> None:
    first = answer(model, SYSTEM, QUESTIONS[0])
    before = model._prefixes.reused
    other = answer(model, "You are a pirate who loves the sea.", QUESTIONS[0])
    assert model._prefixes.reused == before
    assert answer(model, SYSTEM, QUESTIONS[0]) == first != other


def test_an_answer_left_half_way_and_one_that_needs_more_room_do_no_harm(model: OnnxChatModel) -> None:
    messages = [Message("system", SYSTEM), Message("user", QUESTIONS[0])]
    expected = model.complete(messages, BRIEF).text
    stream = iter(model.stream([messages[0], Message("user", "Tell me a long story.")], Parameters(max_new_tokens=40)))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert model.complete(messages, BRIEF).text == expected
    for room in (700, 4000):
        long = model.complete(messages, Parameters(max_new_tokens=room, stop=("\n",)))
        assert long.text.startswith(expected)
    cut = model.complete(messages, Parameters(max_new_tokens=2))
    assert (cut.completion_tokens, cut.finish_reason) == (2, "length")
