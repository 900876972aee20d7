"""How a JSON extraction is scored, row by row and as a whole: the content of `evaluations/extract`."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.metrics import answers
from bakeoff.metrics.rows import Row, Score, attempt, failed, scored, scores_of, skipped
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories

INTENTS = (
    "book_trip",
    "change_booking",
    "cancel_refund",
    "baggage_question",
    "baggage_problem",
    "delay_claim",
    "check_in_seat",
    "payment_invoice",
    "loyalty_points",
    "travel_documents",
    "special_assistance",
    "complaint",
)
ENTITIES = ("booking", "from", "to", "date", "amount")
URGENCIES = ("low", "normal", "high")
QUALITY = (
    Metric("json_valid", maximum=1, binary=True),
    Metric("intent", maximum=1, binary=True),
    Metric("entity_f1", maximum=1),
    Metric("urgency", maximum=1, binary=True),
    Metric("exact_match", maximum=1, binary=True),
)
FIGURES = (Metric("latency"), Metric("prompt_tokens"), Metric("completion_tokens"))
RESAMPLES = 2000


def score_row(*, answer: Any, completion: Any, expected: Any, category: str = "", row_id: str = "") -> dict[str, Any]:
    """The record of one answer: `id`, `category`, `outcome`, intents, entity counts, and four columns a metric.

    json_valid: the answer is nothing but a JSON object of the wanted form (`problem_of`). intent, urgency: whether
    they are the expected ones. entity_f1: of (name, value) pairs, values compared without case and white space; skipped
    where there are none on either side. exact_match: all three. An answer that is no JSON object has json_valid 0,
    and the others `failed`: it is unparsable, which is not the same as wrong. Never raises.
    """
    outcome, blocked, _ = answers.outcome(answer, completion, (), refuses=lambda text: False)
    found = _object(answer) if not blocked else None
    wanted = _object(expected) or {}
    unparsable = blocked
    if not blocked and found is None:
        unparsable = f"not a JSON object: {answer[:80]!r}"
        outcome = "unparsable" if outcome == "answered" else outcome
    if not wanted:
        blocked = unparsable = f"the expected answer is no JSON object: {str(expected)[:80]!r}"
    given = found or {}

    def unless(reason: str, compute: Callable[[], Score]) -> Score:
        return failed(reason) if reason else attempt(compute)

    def same(key: str) -> Score:
        return unless(unparsable, lambda: _passed(given.get(key) == wanted.get(key)))

    hits, extra, missed = _entity_counts(given.get("entities"), wanted.get("entities"))
    problem = problem_of(found) if found is not None else "no JSON object"
    record = completion if isinstance(completion, Mapping) else {}
    scores = {
        "json_valid": unless(blocked, lambda: scored(not problem, passed=not problem, reason=problem)),
        "intent": same("intent"),
        "entity_f1": unless(unparsable, lambda: _f1(hits, extra, missed)),
        "urgency": same("urgency"),
        "exact_match": unless(unparsable, lambda: _passed(not problem and _is_same(given, wanted))),
    }
    fields = {"latency": "total_time", "prompt_tokens": "prompt_tokens", "completion_tokens": "completion_tokens"}
    for metric, field in fields.items():
        scores[metric] = answers.measured(record, field)
    row: dict[str, Any] = {
        "id": row_id or answers.content_id(answer, expected),
        "category": category,
        "outcome": outcome,
        "intent_found": given.get("intent") if isinstance(given.get("intent"), str) else "",
        "intent_expected": wanted.get("intent", ""),
        "entities_hit": hits,
        "entities_extra": extra,
        "entities_missed": missed,
    }
    for metric, score in scores.items():
        row |= score.fields(metric)
    return row


def aggregate(rows: Sequence[Any], rows_expected: int | None) -> dict[str, float]:
    """All metrics of a run from its row records; finite numbers only, defined for no rows.

    Beside the means: `intent_macro_f1` (of the intents that are expected at least once) and `entity_micro_f1`, each
    with a 95 % percentile bootstrap over rows; there an unparsable answer is a missed intent and missed entities.
    """
    records: list[Row] = [row for row in rows if isinstance(row, Mapping)]
    metrics = count_outcomes(records, rows_expected or 0)
    metrics["rows_expected_known"] = int(rows_expected is not None)
    for metric in (*QUALITY, *FIGURES):
        metrics |= summarise(records, metric, int(metrics["rows_expected"]))
    metrics |= _with_interval("intent_macro_f1", records, intent_macro_f1, metrics)
    metrics |= _with_interval("entity_micro_f1", records, entity_micro_f1, metrics)
    if times := scores_of(records, "latency"):
        metrics |= {"latency_p50": percentile(times, 50), "latency_p95": percentile(times, 95)}
    return metrics | summarise_categories(records, QUALITY)


def intent_macro_f1(rows: Sequence[Row]) -> float:
    """Mean F1 of the intents that occur among the expected ones (scikit-learn's macro average over those labels)."""
    found, wanted, right = Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        found[str(row.get("intent_found"))] += 1
        wanted[str(row.get("intent_expected"))] += 1
        right[str(row.get("intent_expected"))] += row.get("intent_found") == row.get("intent_expected")
    labels = [label for label in wanted if label]
    return float(np.mean([2 * right[n] / (found[n] + wanted[n]) for n in labels])) if labels else 0.0


def entity_micro_f1(rows: Sequence[Row]) -> float:
    """F1 of all (name, value) pairs of all rows together."""
    hits, extra, missed = (
        sum(int(row.get(f"entities_{name}", 0)) for row in rows) for name in ("hit", "extra", "missed")
    )
    total = 2 * hits + extra + missed
    return 2 * hits / total if total else 0.0


def problem_of(value: Any) -> str:
    """What is wrong with an answer's form; empty for nothing (the same as data/finetune/answer.schema.json says)."""
    if not isinstance(value, dict) or set(value) != {"intent", "entities", "urgency"}:
        return "the fields are not intent, entities and urgency"
    if value["intent"] not in INTENTS:
        return f"there is no intent {value['intent']!r}"
    if value["urgency"] not in URGENCIES:
        return f"there is no urgency {value['urgency']!r}"
    entities = value["entities"]
    if not isinstance(entities, dict) or not set(entities) <= set(ENTITIES):
        return "entities has other fields than " + ", ".join(ENTITIES)
    if not all(isinstance(text, str) and text for text in entities.values()):
        return "an entity is no text"
    return ""


def _object(text: Any) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _pairs(entities: Any) -> Counter[tuple[str, str]]:
    if not isinstance(entities, dict):
        return Counter()
    return Counter((str(name), " ".join(str(value).lower().split())) for name, value in entities.items())


def _entity_counts(found: Any, wanted: Any) -> tuple[int, int, int]:
    a, b = _pairs(found), _pairs(wanted)
    hits = (a & b).total()
    return hits, a.total() - hits, b.total() - hits


def _f1(hits: int, extra: int, missed: int) -> Score:
    if not hits + extra + missed:
        return skipped("no entities, and none were found")
    return scored(2 * hits / (2 * hits + extra + missed))


def _is_same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    plain = all(found.get(key) == wanted.get(key) for key in ("intent", "urgency"))
    return plain and _pairs(found.get("entities")) == _pairs(wanted.get("entities"))


def _passed(right: bool) -> Score:
    return scored(right, passed=right)


def _with_interval(
    name: str, rows: Sequence[Row], compute: Callable[[Sequence[Row]], float], counts: Mapping[str, float]
) -> dict[str, float]:
    expected = counts["rows_expected"]
    summary = {
        name: compute(rows),
        f"{name}_rows_expected": expected,
        f"{name}_rows_scored": float(len(rows)),
        f"{name}_rows_failed": expected - len(rows),
        f"{name}_coverage": len(rows) / expected if expected else 0.0,
    }
    if not rows:
        return summary | {f"{name}_ci_low": 0.0, f"{name}_ci_high": 1.0}
    chance = np.random.default_rng(0)
    draws = [compute([rows[i] for i in chance.integers(len(rows), size=len(rows))]) for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return summary | {f"{name}_ci_low": float(low), f"{name}_ci_high": float(high)}
