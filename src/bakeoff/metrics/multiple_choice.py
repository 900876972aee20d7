"""How a choice among options is scored, row by row and as a whole: the content of `evaluations/multiple_choice`."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bakeoff.metrics import answers
from bakeoff.metrics.rows import Row, Score, attempt, failed, scored, scores_of, skipped
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories

ACCURACY = Metric("accuracy", maximum=1, binary=True)
METRICS = (ACCURACY, Metric("probability", maximum=1), Metric("latency"))


def score_row(
    *, choice: Any, answer: Any, logprobs: Any, completion: Any, label: Any, category: str = "", row_id: str = ""
) -> dict[str, Any]:
    """The record of one choice: `id`, `category`, `outcome`, and four columns for each metric; never raises.

    choice: the index chosen, -1 for none. label: the index of the right option. accuracy: whether they are the same.
    probability: of the right option among the options, where there are log-likelihoods. An answer that names no
    option is unparsable, not wrong.
    """
    outcome, blocked, _ = answers.outcome(answer, completion, (), refuses=lambda text: False)
    if not blocked and (not isinstance(choice, int) or choice < 0):
        outcome, blocked = "unparsable", f"not a letter alone: {answer[:80]!r}"
    if not blocked and (not isinstance(label, int) or label < 0):
        blocked = f"the label is {label!r}: give the index of the right option, from 0"

    def unless_blocked(compute: Callable[[], Score]) -> Score:
        return failed(blocked) if blocked else attempt(compute)

    scores = {
        "accuracy": unless_blocked(lambda: scored(choice == label, passed=choice == label)),
        "probability": unless_blocked(lambda: _probability(logprobs, label)),
        "latency": unless_blocked(lambda: answers.measured(completion, "total_time")),
    }
    row: dict[str, Any] = {
        "id": row_id or answers.content_id(answer, label),
        "category": category,
        "outcome": outcome,
        "choice": choice,
        "label": label,
    }
    for metric, score in scores.items():
        row |= score.fields(metric)
    return row


def aggregate(rows: Sequence[Any], rows_expected: int | None) -> dict[str, float]:
    """All metrics of a run from its row records; finite numbers only, defined for no rows.

    rows_expected: how many rows the run should have had; those that never arrived count as failed. None where nobody
    knows: then `rows_expected_known` is 0.
    """
    records: list[Row] = [row for row in rows if isinstance(row, Mapping)]
    metrics = count_outcomes(records, rows_expected or 0)
    metrics["rows_expected_known"] = int(rows_expected is not None)
    for metric in METRICS:
        metrics |= summarise(records, metric, int(metrics["rows_expected"]))
    if times := scores_of(records, "latency"):
        metrics |= {"latency_p50": percentile(times, 50), "latency_p95": percentile(times, 95)}
    return metrics | summarise_categories(records, (ACCURACY,))


def _probability(logprobs: Sequence[float], label: int) -> Score:
    if not logprobs:
        return skipped("the model gives no log-likelihoods")
    weights = [math.exp(value - max(logprobs)) for value in logprobs]
    return scored(weights[label] / sum(weights))
