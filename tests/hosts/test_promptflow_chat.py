from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from promptflow._utils.logger_utils import logger
from promptflow.exceptions import UserErrorException
from promptflow.tracing._operation_context import OperationContext

from bakeoff.errors import EndpointError, InputError, ModelNotFoundError, PromptTooLongError
from bakeoff.hosts import promptflow_chat
from bakeoff.hosts.promptflow_chat import chat_turn, to_messages
from bakeoff.models.base import Completion, Message, ModelIdentity, Parameters

IDENTITY = ModelIdentity("m", "onnx")
ANSWER = Completion("Paris", "stop", IDENTITY, prompt_tokens=5, completion_tokens=1, total_time=0.5)
TURN = {"inputs": {"question": "Hi"}, "outputs": {"answer": "Hello"}}


class FakeModel:
    """Gives `result`, or raises it, and remembers what it was asked."""

    identity = IDENTITY
    result: Completion | Exception = ANSWER

    def complete(self, messages: Sequence[Message], parameters: Parameters) -> Completion:
        self.asked, self.parameters = messages, parameters
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr(promptflow_chat, "load_model", lambda name, connection: fake)
    return fake


@pytest.fixture
def context() -> Iterator[OperationContext]:
    before = OperationContext.get_instance()
    OperationContext.set_instance(OperationContext())
    yield OperationContext.get_instance()
    OperationContext.set_instance(before)


@pytest.fixture
def batch(context: OperationContext, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Within a batch's row 3; the list gets what is logged."""
    context["run_mode"] = "Batch"
    context._add_otel_attributes("line_number", 3)
    logged: list[str] = []
    monkeypatch.setattr(logger, "error", lambda text, *values: logged.append(text % values))
    return logged


def ask(question: str = "Capital of France?", history: Sequence[Any] = (), **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"system": "Be brief.\n", "model": "m", "max_new_tokens": 9, "temperature": 0.0} | changes
    return chat_turn(question=question, chat_history=history, **values)


def test_an_answer_and_its_record(model: FakeModel, context: OperationContext) -> None:
    assert ask(history=[TURN]) == {"answer": "Paris", "completion": ANSWER.to_dict()}
    assert [(m.role, m.text) for m in model.asked] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Capital of France?"),
    ]
    assert model.parameters == Parameters(max_new_tokens=9, temperature=0.0, overflow="truncate")


def test_an_empty_system_prompt_is_left_out() -> None:
    assert to_messages(" \n", "Hi", []) == [Message("user", "Hi")]


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"inputs": {"question": "a"}}, r"turn 2: outputs\.answer is missing"),
        ({"outputs": {"answer": "a"}}, r"turn 2: inputs\.question is missing"),
        ({"inputs": {"question": "a"}, "outputs": {}}, r"turn 2: outputs\.answer is missing"),
        ({"inputs": {"question": "a"}, "outputs": {"answer": None}}, r"turn 2: outputs\.answer is a NoneType"),
        ({"inputs": "a", "outputs": {"answer": "b"}}, r"turn 2: inputs\.question is missing"),
        ("a", r"turn 2: inputs\.question is missing"),
        ({"role": "user", "content": "a"}, r"turn 2: inputs\.question is missing"),
    ],
)
def test_a_malformed_history_names_turn_and_field(turn: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        to_messages("", "Hi", [TURN, turn])


@pytest.mark.parametrize("question", ["", " \n", "nan", "None"])
def test_a_row_without_a_question_is_an_input_error(question: str) -> None:
    with pytest.raises(InputError, match="question"):
        to_messages("", question, [])


@pytest.mark.parametrize(
    "failure",
    [PromptTooLongError("too long"), EndpointError("overloaded", status=429), EndpointError("no connection")],
)
def test_what_fails_a_row_is_a_record_in_a_batch(model: FakeModel, batch: list[str], failure: Exception) -> None:
    model.result = failure
    output = ask()
    assert output["answer"] == ""
    assert output["completion"]["finish_reason"] == "error"
    assert output["completion"]["error"] == str(failure)
    assert output["completion"]["model"]["name"] == "m"
    assert batch == [f"Line number(3) has no answer: {failure}"]


@pytest.mark.parametrize("failure", [PromptTooLongError("too long"), EndpointError("overloaded", status=429)])
def test_what_fails_a_row_is_raised_where_somebody_waits(
    model: FakeModel, context: OperationContext, failure: Exception
) -> None:
    model.result = failure
    with pytest.raises(UserErrorException, match=str(failure)):
        ask()


def test_a_filtered_answer_keeps_its_beginning_and_an_empty_one_is_reported(
    model: FakeModel, context: OperationContext
) -> None:
    model.result = Completion("Once", "content_filter", IDENTITY, error="filtered: hate")
    assert ask()["answer"] == "Once"
    model.result = Completion("", "content_filter", IDENTITY, error="filtered: hate")
    with pytest.raises(UserErrorException, match="filtered: hate"):
        ask()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_endpoint_that_no_row_can_use_fails_a_batch_too(model: FakeModel, batch: list[str], status: int) -> None:
    model.result = EndpointError("check the key", status=status)
    with pytest.raises(UserErrorException, match="check the key"):
        ask()


def test_a_model_that_cannot_be_loaded_and_bad_parameters_fail_a_batch_too(
    model: FakeModel, batch: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserErrorException, match="max_new_tokens is 0"):
        ask(max_new_tokens=0)

    def missing(name: str, connection: Any) -> None:
        raise ModelNotFoundError("no such model")

    monkeypatch.setattr(promptflow_chat, "load_model", missing)
    with pytest.raises(UserErrorException, match="no such model"):
        ask()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_one_row_is_a_row_and_one_of_a_tiny_question_too_is_the_error_of_the_run(
    model: FakeModel, batch: list[str], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    refusal = EndpointError("no", status=status)

    def answer(*others: str) -> None:
        """Answer those questions and refuse all the rest."""

        def complete(messages: Sequence[Message], parameters: Parameters) -> Completion:
            if messages[-1].text not in others:
                raise refusal
            return ANSWER

        monkeypatch.setattr(model, "complete", complete)

    answer("Say OK.")
    row = ask("DROP TABLE")["completion"]
    assert (row["finish_reason"], row["error"]) == ("error", "no")
    assert batch == ["Line number(3) has no answer: no"]
    answer()
    with pytest.raises(UserErrorException, match="no"):
        ask("DROP TABLE")
