"""The content of the node of flows/extract: a message, examples of the task if wanted, and a JSON answer."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from promptflow.exceptions import UserErrorException

from bakeoff.errors import BakeoffError, InputError
from bakeoff.hosts.promptflow_chat import chat_turn
from bakeoff.models.load import load_embedding

EXAMPLES = Path("train.jsonl")  # in the flow's folder, by additional_includes
Turn = dict[str, dict[str, str]]


def extract(
    *,
    system: str,
    message: str,
    model: str,
    shots: int,
    shots_by: str,
    max_new_tokens: int,
    connection: Any = None,
) -> dict[str, Any]:
    """`answer` and `completion`, as `chat_turn` gives them.

    shots: so many training rows come before the message as turns of a conversation. shots_by: `fixed` takes the first
    row of each intent, in the order of the file; `nearest` those whose messages are most like this one, the most like
    last. Raises UserErrorException as `chat_turn` does, and for examples that are not there.
    """
    try:
        history = examples(message, shots, shots_by) if shots else []
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    return chat_turn(
        system=system,
        question=message,
        chat_history=history,
        model=model,
        max_new_tokens=max_new_tokens,
        temperature=0,
        connection=connection,
    )


def examples(message: str, shots: int, shots_by: str, file: Path = EXAMPLES) -> list[Turn]:
    """Training rows as turns. Raises InputError for an unknown `shots_by` and where the file is not there."""
    if shots_by not in ("fixed", "nearest") or shots < 0:
        raise InputError(f"shots is {shots} by {shots_by!r}: give a number from 0 on, and fixed or nearest")
    turns = _turns(file.resolve())
    if shots_by == "fixed":
        return list(_first_of_each_intent(turns)[:shots])
    vectors = _vectors(file.resolve())
    (asked,) = load_embedding().embed([message])
    likest = np.argsort(-(vectors @ asked), kind="stable")[:shots]
    return [turns[i] for i in reversed(likest)]


@cache
def _turns(file: Path) -> list[Turn]:
    if not file.is_file():
        raise InputError(f"{file} is not there: it holds the examples, see additional_includes in flow.dag.yaml")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [{"inputs": {"question": row["message"]}, "outputs": {"answer": row["answer"]}} for row in rows]


@cache
def _vectors(file: Path) -> NDArray[np.float32]:
    return load_embedding().embed([turn["inputs"]["question"] for turn in _turns(file)])


def _first_of_each_intent(turns: list[Turn]) -> list[Turn]:
    first: dict[str, Turn] = {}
    for turn in turns:
        first.setdefault(json.loads(turn["outputs"]["answer"])["intent"], turn)
    return list(first.values())
