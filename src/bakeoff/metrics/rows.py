"""The honest-metrics contract: what a row says about each metric, and what became of the row as a whole."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["scored", "failed", "skipped"]
Row = Mapping[str, Any]

OUTCOMES = ("answered", "refused", "truncated", "filtered", "errored", "unparsable")
"""What became of a row; every row has exactly one. Rows that never arrived are `missing` and have no record."""


@dataclass(frozen=True)
class Score:
    """One metric of one row: `scored` with a finite score, `failed` (it should have one) or `skipped` (does not apply).

    passed is None where the metric has no pass mark. reason says why, or flags a score that needs a second look.
    """

    status: Status
    score: float | None = None
    passed: bool | None = None
    reason: str = ""

    def fields(self, metric: str) -> dict[str, Any]:
        """The record's columns: `<metric>_score`, `_passed`, `_reason` and `_status`."""
        return {
            f"{metric}_score": self.score,
            f"{metric}_passed": self.passed,
            f"{metric}_reason": self.reason,
            f"{metric}_status": self.status,
        }


def scored(score: float, *, passed: bool | None = None, reason: str = "") -> Score:
    """A score; one that is not finite becomes `failed`, so that no record carries NaN or infinity."""
    if not math.isfinite(score):
        return failed(f"the score is {score}, not a finite number")
    return Score("scored", float(score), passed, reason)


def failed(reason: str) -> Score:
    """No score although the metric applies."""
    return Score("failed", reason=reason)


def skipped(reason: str) -> Score:
    """No score because the metric does not apply to this row."""
    return Score("skipped", reason=reason)


def attempt(compute: Callable[[], Score]) -> Score:
    """The computed score, or `failed` with what was raised: a line node that raises would lose its row."""
    try:
        return compute()
    except Exception as error:
        return failed(f"{type(error).__name__}: {error}")


def scores_of(rows: Sequence[Row], metric: str) -> list[float]:
    """The finite scores of the rows whose status for the metric is `scored`."""
    scores = (row.get(f"{metric}_score") for row in rows if row.get(f"{metric}_status") == "scored")
    return [float(s) for s in scores if isinstance(s, int | float) and math.isfinite(s)]
