"""A judge's reply read strictly: exactly one JSON object with one score or one winner, or nothing."""

import json
import re
from collections.abc import Mapping
from typing import Any

from bakeoff.errors import InputError
from bakeoff.metrics.rows import Score, failed, scored
from bakeoff.models.base import Completion

SCORES = (1, 2, 3, 4, 5)
WINNERS = ("first", "second", "tie")
_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)


def reply_schema(field: str, values: tuple[Any, ...]) -> Mapping[str, Any]:
    """The JSON schema of a reply: a `reason`, then `field` as one of the values.

    The keywords are those that Azure OpenAI's strict mode knows.
    """
    kind = "integer" if all(isinstance(value, int) for value in values) else "string"
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, field: {"type": kind, "enum": list(values)}},
        "required": ["reason", field],
        "additionalProperties": False,
    }


SCORE_SCHEMA = reply_schema("score", SCORES)
WINNER_SCHEMA = reply_schema("winner", WINNERS)


def score_of(completion: Completion) -> Score:
    """The score of 1 to 5 that a judge gave, with its reason; `failed` where there is not exactly one."""
    try:
        value, reason = _read(completion, "score")
    except InputError as error:
        return failed(str(error))
    if isinstance(value, bool) or not isinstance(value, int) or value not in SCORES:
        return failed(f"the judge's score is {json.dumps(value)}, not an integer from {SCORES[0]} to {SCORES[-1]}")
    return scored(value, reason=reason)


def winner_of(completion: Completion) -> str:
    """`first`, `second` or `tie`, as a judge said; raises InputError where it did not say exactly one of them."""
    value, _ = _read(completion, "winner")
    if value not in WINNERS:
        raise InputError(f"the judge's winner is {json.dumps(value)}, not one of {', '.join(WINNERS)}")
    return str(value)


def _read(completion: Completion, field: str) -> tuple[Any, str]:
    """The field's value and the reason."""
    if completion.finish_reason == "length":
        raise InputError("the judge's reply was cut at the token limit: raise max_new_tokens")
    if completion.finish_reason != "stop":
        detail = completion.error or "no detail given"
        raise InputError(f"the judge gave no reply ({completion.finish_reason}): {detail}")
    text = completion.text.strip()
    fenced = _FENCE.match(text)
    try:
        reply = json.loads(fenced[1] if fenced else text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the judge's reply is not one JSON object: {_shortened(text)}") from None
    if not isinstance(reply, dict) or set(reply) - {"reason"} != {field}:
        raise InputError(f"the judge's reply does not have {field} and reason alone: {_shortened(text)}")
    reason = reply.get("reason", "")
    if not isinstance(reason, str):
        raise InputError(f"the judge's reason is a {type(reason).__name__}, not a string")
    return reply[field], reason


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"the judge's reply has {', '.join(doubled)} more than once")
    return dict(pairs)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 200 else text[:200] + "...")
