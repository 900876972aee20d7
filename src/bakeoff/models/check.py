"""What can be said about an endpoint before anything depends on it: the steps of a check and how far it came."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bakeoff.errors import EndpointError, SignInError, UnreachableError

State = Literal["ok", "failed", "not checked"]
PASSED = (400, 409, 413, 422, 429)
"""HTTP statuses that only a request with a good key gets."""


@dataclass(frozen=True)
class Step:
    """One question about an endpoint, its answer, and in words what was found or what to do."""

    name: str
    state: State
    said: str = ""


def passed(what: str, found: str, answered: str) -> list[Step]:
    """The steps of a call that went well. what: is called for, for example `deployment`; found: which one it is."""
    return [Step("reachable", "ok"), Step("authorised", "ok"), Step(what, "ok", found), Step("answer", "ok", answered)]


def stopped(error: EndpointError, what: str) -> list[Step]:
    """The steps of a call that failed: the one where it failed says why, what came before is ok or untold."""
    order = ("reachable", "authorised", what, "answer")
    said = str(error)
    if isinstance(error, UnreachableError):
        return _until(order, "reachable", said, {})
    if isinstance(error, SignInError):
        return _until(order, "authorised", said, {"reachable": "not checked"})
    if error.status in (401, 403):
        return _until(order, "authorised", said, {})
    if error.status in (404, 410):
        return _until(order, what, said, {"authorised": "not checked"})
    known: State = "ok" if error.status in PASSED else "not checked"
    found: State = "ok" if error.status == 429 else "not checked"
    return _until(order, "answer", said, {"authorised": known, what: found})


def _until(order: tuple[str, ...], failing: str, said: str, states: Mapping[str, State]) -> list[Step]:
    """The steps in order: ok (or their own state) before the failing one, not checked behind it."""
    at = order.index(failing)
    before = [Step(name, states.get(name, "ok")) for name in order[:at]]
    return [*before, Step(failing, "failed", said), *(Step(name, "not checked") for name in order[at + 1 :])]
