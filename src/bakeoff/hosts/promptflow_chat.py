"""The content of a chat node in Prompt Flow: a question within its conversation, an answer and its record."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptflow.exceptions import UserErrorException

from bakeoff.errors import BakeoffError, EndpointError, InputError
from bakeoff.hosts.promptflow_rows import report, still_answers, stop_if_unusable
from bakeoff.hosts.promptflow_tracing import complete
from bakeoff.models.base import Completion, Message, Parameters
from bakeoff.models.load import load_model

MISSING = ("nan", "None")


def chat_turn(
    *,
    system: str,
    question: str,
    chat_history: Sequence[Any],
    model: str,
    max_new_tokens: int,
    temperature: float,
    connection: Any = None,
) -> dict[str, Any]:
    """Answer a question: `answer` is the text and `completion` the fields of `bakeoff.models.base.Completion`.

    The oldest turns of the conversation are left out where it no longer fits into the model's context
    (`completion.dropped_turns`). What belongs to one row, a bad question or an endpoint that fails, must neither take a
    batch down nor vanish from its metrics: there the record has finish reason `error` and the batch's log says why.
    Elsewhere somebody waits for the answer and UserErrorException is raised, as it always is where no row can succeed:
    parameters out of range, a model that cannot be loaded, a wrong key, missing rights or deployment (HTTP 401, 403 or
    404 to a tiny question too).
    """
    try:
        parameters = Parameters(max_new_tokens=max_new_tokens, temperature=temperature, overflow="truncate")
        loaded = load_model(model, connection)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    try:
        completion = complete(loaded, to_messages(system, question, chat_history), parameters)
    except (InputError, EndpointError) as error:
        stop_if_unusable(error, still_answers(loaded))
        completion = Completion("", "error", loaded.identity, error=str(error))
    if completion.error and not completion.text:
        report(completion.error)
    return {"answer": completion.text, "completion": completion.to_dict()}


def to_messages(system: str, question: str, chat_history: Sequence[Any]) -> list[Message]:
    """The conversation as a model gets it; an empty system prompt is left out.

    chat_history: turns as Prompt Flow keeps them, oldest first, each
    `{"inputs": {"question": ...}, "outputs": {"answer": ...}}`. A row of a data file without a question arrives as a
    string of MISSING. Raises InputError saying which turn and which field is wrong.
    """
    if not question.strip():
        raise InputError("the question is empty")
    if question in MISSING:
        raise InputError("the row has no question")
    messages = [Message("system", system.strip())] if system.strip() else []
    for number, turn in enumerate(chat_history, start=1):
        messages.append(Message("user", _field(turn, number, "inputs", "question")))
        messages.append(Message("assistant", _field(turn, number, "outputs", "answer")))
    return [*messages, Message("user", question)]


def _field(turn: Any, number: int, side: str, name: str) -> str:
    value: Any = turn
    for key in (side, name):
        if not isinstance(value, Mapping) or key not in value:
            raise InputError(
                f"chat_history, turn {number}: {side}.{name} is missing; a turn looks like "
                '{"inputs": {"question": "..."}, "outputs": {"answer": "..."}}'
            )
        value = value[key]
    if not isinstance(value, str):
        raise InputError(f"chat_history, turn {number}: {side}.{name} is a {type(value).__name__}, not a string")
    return value
