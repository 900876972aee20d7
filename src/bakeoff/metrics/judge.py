"""Rows and metrics of evaluations/judge: a model's scores of 1 to 5, and whether they can be believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bakeoff.metrics.agreement import agreement, kappa
from bakeoff.metrics.judge_bias import length_correlation, position_bias, verbosity_bias
from bakeoff.metrics.judge_reply import SCORES
from bakeoff.metrics.rows import Row, Score, failed, scored, scores_of
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories

Winner = Literal["answer", "other", "tie"]
WINNERS: tuple[Winner, ...] = get_args(Winner)
PREFERENCE: Mapping[str, float] = {"answer": 1.0, "tie": 0.5, "other": 0.0}


@dataclass(frozen=True)
class Criterion:
    """texts: what the judge is shown, by the name of the flow's input; a row that lacks one of them is skipped."""

    name: str
    texts: tuple[str, ...]


CRITERIA = (
    Criterion("relevance", ("question", "answer")),
    Criterion("coherence", ("question", "answer")),
    Criterion("fluency", ("answer",)),
    Criterion("similarity", ("question", "answer", "ground_truth")),
    Criterion("groundedness", ("context", "answer")),
    Criterion("retrieval", ("question", "context")),
)
NAMES = tuple(criterion.name for criterion in CRITERIA)
QUALITY = tuple(Metric(name, maximum=float(SCORES[-1])) for name in NAMES)
EFFORT = ("judge_calls", "judge_prompt_tokens", "judge_completion_tokens", "judge_latency", "judge_cost")
PAIRED = (Metric("preference", maximum=1.0), Metric("position_flip", binary=True))


def preference_of(orders: Sequence[Winner | None]) -> tuple[Score, Score]:
    """`preference` (1 for the answer, 0.5 for a tie, 0 for the other) and `position_flip`.

    orders: the winner with the answer shown first, then with the other one first; None where the judge failed. A winner
    that changes with the order is a tie.
    """
    if None in orders:
        problem = failed("the judge named no winner in one of both orders")
        return problem, problem
    first, second = orders
    flipped = first != second
    value = PREFERENCE["tie" if flipped or first is None else first]
    return scored(value), scored(float(flipped))


def read_labels(labels: Any) -> tuple[dict[str, Any], str]:
    """A row's human labels that can be used, and what is wrong with the others; null is no label."""
    if not isinstance(labels, Mapping):
        return {}, f"the labels are a {type(labels).__name__}, not an object"
    problems = {}
    for name, value in labels.items():
        if name == "preference" and value is not None and value not in WINNERS:
            problems[name] = f"the label preference is {value!r}: use {', '.join(WINNERS)}"
        if name in NAMES and value is not None and (isinstance(value, bool) or value not in SCORES):
            problems[name] = f"the label {name} is {value!r}: use an integer from {SCORES[0]} to {SCORES[-1]}"
    usable = {name: value for name, value in labels.items() if value is not None and name not in problems}
    return usable, "; ".join(problems.values())


def aggregate(rows: Sequence[Any], rows_expected: int | None = None) -> dict[str, float]:
    """Every metric of a judged run by name.

    Of each criterion the mean with coverage and interval. With human labels: agreement (`bakeoff.metrics.agreement`)
    and `<criterion>_judge_fit`. With two judgements of a row: `<criterion>_repeat_kappa`. With a second answer: how
    often the winner changes with the order, `first_wins`, `longer_wins`. `length_correlation`: of relevance and words.
    The judge's own calls, tokens, seconds and cost: `judge_...`. `label_problems`: rows with a label that is none.
    """
    records: list[Row] = [row for row in rows if isinstance(row, Mapping)]
    expected = max(rows_expected or 0, len(rows))
    metrics = count_outcomes(records, expected)
    for metric in (*QUALITY, *PAIRED):
        if any(row.get(f"{metric.name}_status") != "skipped" for row in records):
            metrics |= summarise(records, metric, expected)
    for name in _others(records):
        metrics |= summarise(records, Metric(name, maximum=float(SCORES[-1])), expected)
    for name in [*NAMES, *_others(records)]:
        metrics |= _with_people(records, name) | _with_itself(records, name)
    metrics |= _preference_with_people(records) | position_bias(records) | verbosity_bias(records)
    lengths = [(row["relevance_score"], row["words"]) for row in records if row.get("relevance_status") == "scored"]
    if problems := sum(bool(row.get("labels_problem")) for row in records):
        metrics["label_problems"] = problems
    correlation = length_correlation([score for score, _ in lengths], [words for _, words in lengths])
    if correlation is not None:
        metrics["length_correlation"] = correlation
    metrics |= summarise_effort(records, expected)
    used = [metric for metric in QUALITY if metric.name in metrics]
    return metrics | summarise_categories(records, used)


def _others(rows: Sequence[Row]) -> list[str]:
    """Metrics of evaluators that are not ours, `azure_ai_relevance`."""
    known = (*NAMES, "preference")
    return list(dict.fromkeys(name for row in rows for name in row.get("judged", ()) if name not in known))


def summarise_effort(rows: Sequence[Row], expected: int) -> dict[str, float]:
    """The judge's own calls, tokens, seconds and cost: means, totals, and percentiles of the seconds a row."""
    metrics: dict[str, float] = {}
    for name in EFFORT:
        if not (values := scores_of(rows, name)):
            continue
        metrics |= summarise(rows, Metric(name), expected)
        if name == "judge_latency":
            metrics |= {f"{name}_p50": percentile(values, 50), f"{name}_p95": percentile(values, 95)}
        else:
            metrics[f"{name}_total"] = sum(values)
    return metrics


def _with_people(rows: Sequence[Row], name: str) -> dict[str, float]:
    label = next(f"human_{criterion}" for criterion in NAMES if name.endswith(criterion))
    labelled = [row for row in rows if label in row and row.get(f"{name}_status") in ("scored", "failed")]
    pairs = [(round(row[f"{name}_score"]), row[label]) for row in labelled if row[f"{name}_status"] == "scored"]
    return agreement(name, pairs, len(labelled), SCORES, "quadratic") if labelled else {}


def _with_itself(rows: Sequence[Row], name: str) -> dict[str, float]:
    twice = [row[f"{name}_twice"] for row in rows if f"{name}_twice" in row]
    value = kappa(twice, SCORES, "quadratic")
    return {} if value is None else {f"{name}_repeat_kappa": value, f"{name}_repeat_rows": len(twice)}


def _preference_with_people(rows: Sequence[Row]) -> dict[str, float]:
    labelled = [row for row in rows if "human_preference" in row and row.get("preference_status") != "skipped"]
    pairs = [
        (row["preference_score"], PREFERENCE[str(row["human_preference"])])
        for row in labelled
        if row["preference_status"] == "scored"
    ]
    return agreement("preference", pairs, len(labelled), tuple(PREFERENCE.values())) if labelled else {}
