"""Rows of a chat data set as conversations with the answer to learn, each checked before any training."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from bakeoff.errors import InputError
from bakeoff.models.base import Message

FEWEST_ROWS = 20
SHOWN = 10
_COLUMN = re.compile(r"\$\{data\.([^}]+)\}")


@dataclass(frozen=True)
class Example:
    """A conversation up to the last question, and the answer that belongs to it. line: in its file."""

    id: str
    line: int
    messages: tuple[Message, ...]
    answer: str

    @property
    def question(self) -> str:
        return self.messages[-1].text


def read_examples(
    path: Path, mapping: Mapping[str, str], answer_schema: Mapping[str, Any] | None = None, fewest: int = FEWEST_ROWS
) -> list[Example]:
    """The rows of a JSON Lines file by a column mapping (`system`, `question`, `chat_history`, `answer`).

    Raises InputError that names the file and, for the first SHOWN of them, line and field of what is wrong: no JSON
    object, a missing or empty column, an id or a question that is there twice, an answer that does not follow
    `answer_schema`; or for fewer than `fewest` rows.
    """
    validator = Draft202012Validator(answer_schema) if answer_schema is not None else None
    examples: list[Example] = []
    problems: list[str] = []
    ids: dict[str, int] = {}
    questions: dict[str, int] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if not text.strip():
            continue
        try:
            example = _example(number, text, mapping)
            _check_answer(example.answer, validator)
        except InputError as error:
            problems.append(f"line {number}: {error}")
            continue
        conversation = normalised("\n".join(message.text for message in example.messages))
        for what, key, seen in (("id", example.id, ids), ("conversation", conversation, questions)):
            if key in seen:
                problems.append(f"line {number}: has the {what} of line {seen[key]}")
            seen.setdefault(key, number)
        examples.append(example)
    if problems:
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise InputError("\n  ".join([f"{path} cannot be used:", *problems[:SHOWN], *more]))
    if len(examples) < fewest:
        raise InputError(f"{path} has {len(examples)} rows: at least {fewest} are needed")
    return examples


def normalised(text: str) -> str:
    """Lower case, words and numbers only: what makes two questions the same."""
    return " ".join(re.findall(r"\w+", text.lower()))


def digest(path: Path) -> str:
    """sha256 of the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _example(number: int, text: str, mapping: Mapping[str, str]) -> Example:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise InputError(f"not valid JSON ({error})") from None
    if not isinstance(row, dict):
        raise InputError("not a JSON object")
    values = {name: _value(row, name, given) for name, given in mapping.items()}
    for name in ("question", "answer"):
        if not isinstance(values[name], str) or not values[name].strip():
            raise InputError(f"{name} is {values[name]!r}: it must be a text")
    if not row.get("id"):
        raise InputError("has no 'id'")
    system = values.get("system") or ""
    messages = [Message("system", system)] if system else []
    for turn in _turns(values.get("chat_history") or []):
        messages += turn
    return Example(str(row["id"]), number, (*messages, Message("user", values["question"])), values["answer"])


def _value(row: Mapping[str, Any], name: str, given: str) -> Any:
    match = _COLUMN.fullmatch(given)
    if match is None:
        return given
    if match[1] not in row:
        raise InputError(f"has no column {match[1]!r}, which {name} is mapped to; it has {', '.join(row) or 'none'}")
    return row[match[1]]


def _turns(history: Sequence[Any]) -> list[list[Message]]:
    try:
        return [
            [Message("user", turn["inputs"]["question"]), Message("assistant", turn["outputs"]["answer"])]
            for turn in history
        ]
    except (KeyError, TypeError):
        raise InputError(
            'chat_history: a turn looks like {"inputs": {"question": "..."}, "outputs": {"answer": "..."}}'
        ) from None


def _check_answer(answer: str, validator: Draft202012Validator | None) -> None:
    if validator is None:
        return
    try:
        value = json.loads(answer)
    except ValueError as error:
        raise InputError(f"the answer is not valid JSON ({error}): {answer[:60]!r}") from None
    for problem in validator.iter_errors(value):
        where = ".".join(map(str, problem.absolute_path))
        raise InputError(f"the answer does not follow answer_schema: {where + ': ' if where else ''}{problem.message}")
