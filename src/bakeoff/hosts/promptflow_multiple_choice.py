"""The content of the node of flows/multiple_choice: one of several options, by log-likelihood or by its letter."""

import time
from collections.abc import Sequence
from typing import Any

from promptflow.exceptions import UserErrorException

from bakeoff.benchmarks import letters
from bakeoff.benchmarks.items import likeliest
from bakeoff.errors import BakeoffError, EndpointError, InputError, NotSupportedError
from bakeoff.hosts.promptflow_rows import report, still_answers, stop_if_unusable
from bakeoff.hosts.promptflow_tracing import complete
from bakeoff.models.base import ChatModel, Completion, Message, Parameters
from bakeoff.models.load import load_model

LETTER = Parameters(max_new_tokens=16)


def choose(
    *,
    question: str,
    options: Sequence[str],
    prompt: str,
    choices: Sequence[str],
    model: str,
    connection: Any = None,
) -> dict[str, Any]:
    """`choice`, the index of an option (-1 for none), `answer`, its text or what the model wrote instead, `logprobs`
    of the options (empty where the model gives none), `method` and `completion`, as `chat_turn` does.

    prompt and choices: the raw text and its continuations, one an option in their order, scored by log-likelihood;
    empty: the question with its options under letters. A model without log-probabilities is asked for the letter.
    Errors of one row and of all rows are told apart as in `bakeoff.hosts.promptflow_chat.chat_turn`.
    """
    try:
        loaded = load_model(model, connection)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    result: dict[str, Any] = {"choice": -1, "answer": "", "logprobs": [], "method": ""}
    try:
        _check(question, options, prompt, choices)
        try:
            return result | _likeliest(loaded, question, options, prompt, choices)
        except NotSupportedError:
            return result | _by_letter(loaded, question, options)
    except (InputError, EndpointError) as error:
        stop_if_unusable(error, still_answers(loaded))
        report(str(error))
        return result | {"completion": Completion("", "error", loaded.identity, error=str(error)).to_dict()}


def _check(question: str, options: Sequence[str], prompt: str, choices: Sequence[str]) -> None:
    if not question.strip() or question in ("nan", "None"):
        raise InputError("the question is empty")
    if not isinstance(options, list) or len(options) < 2 or not all(isinstance(one, str) and one for one in options):
        raise InputError(f"options is {options!r}: give a list of two or more texts")
    if bool(prompt) != bool(choices) or (choices and len(choices) != len(options)):
        raise InputError("prompt and choices go together, with as many choices as options")


def _likeliest(
    model: ChatModel, question: str, options: Sequence[str], prompt: str, choices: Sequence[str]
) -> dict[str, Any]:
    prefix, continuations = (prompt, choices) if prompt else letters.prompt_with_letters(question, options)
    started = time.perf_counter()
    logprobs = [one.logprob for one in model.loglikelihood(prefix, continuations)]
    completion = Completion("", "stop", model.identity, total_time=time.perf_counter() - started)
    choice = likeliest(logprobs)
    found = {"choice": choice, "answer": options[choice], "logprobs": logprobs, "method": "loglikelihood"}
    return found | {"completion": completion.to_dict()}


def _by_letter(model: ChatModel, question: str, options: Sequence[str]) -> dict[str, Any]:
    completion = complete(model, [Message("user", letters.ask_for_letter(question, options))], LETTER)
    if completion.error and not completion.text:
        report(completion.error)
    choice = letters.read_letter(completion.text, len(options))
    found: dict[str, Any] = {"choice": -1, "answer": completion.text}
    if choice is not None:
        found = {"choice": choice, "answer": options[choice]}
    return found | {"method": "letter", "completion": completion.to_dict()}
