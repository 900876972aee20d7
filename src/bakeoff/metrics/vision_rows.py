"""How an answer about a picture is scored, row by row and as a whole: the content of `evaluations/vision`."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bakeoff.errors import InputError
from bakeoff.metrics import answers, vision
from bakeoff.metrics.ocr import ErrorCount, character_errors, total_errors, word_errors
from bakeoff.metrics.rows import Row, Score, attempt, failed, scored, scores_of, skipped
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import Metric, category_key, count_outcomes, mean, summarise

QUALITY = (
    Metric("exact_match", maximum=1, binary=True),
    Metric("anls", maximum=1),
    Metric("relaxed_accuracy", maximum=1, binary=True),
    Metric("field_accuracy", maximum=1),
)
ERROR_RATES = (Metric("cer"), Metric("wer"))
FIGURES = (*ERROR_RATES, Metric("latency"))
SPLITS = ("category", "degradation", "question_type")
NUMERIC = ("numeric", "count")
FIELD_COUNTS = ("right", "wrong", "missing", "spurious")


def score_row(
    *,
    answer: Any,
    completion: Any,
    ground_truth: Any,
    aliases: Any = (),
    category: str = "",
    degradation: str = "",
    question_type: str = "",
    ocr_text: Any = None,
    true_text: Any = None,
    fields: Any = None,
    expected_fields: Any = None,
    question: str = "",
    row_id: str = "",
) -> dict[str, Any]:
    """The record of one answer: who it is, its `outcome`, and four columns for each metric of QUALITY and FIGURES.

    completion, aliases, row_id: as in `bakeoff.metrics.chat.score_row`. category: the kind of picture. degradation:
    what was done to it ("none" where nothing was). question_type: text, field, numeric, count, comparison or yes_no;
    relaxed accuracy is for numeric and count. ocr_text and true_text: what OCR read and what the picture says; the
    error rates need both and do not depend on the answer. fields and expected_fields: names to values, where the
    flow takes the answer apart into fields; with `fields` None a question of type `field` is one field, its answer the
    value.
    Nothing in the data makes this raise: what cannot be scored is `failed`, what has nothing to be compared with is
    `skipped`.
    """
    references = answers.references(ground_truth, aliases)
    outcome, blocked, note = answers.outcome(answer, completion, references)
    record = completion if isinstance(completion, Mapping) else {}

    def unless_blocked(compute: Callable[[], Score]) -> Score:
        return failed(blocked) if blocked else attempt(compute)

    def quality(compute: Callable[[], Score]) -> Score:
        return unless_blocked(lambda: compute() if references else skipped("the row has no ground truth"))

    def relaxed_accuracy() -> Score:
        if question_type not in NUMERIC:
            return skipped("relaxed accuracy is for numeric answers")
        return _binary(vision.relaxed_correct(answer, references), note)

    scores = {
        "exact_match": quality(lambda: _binary(vision.exact_match(answer, references), note)),
        "anls": quality(lambda: scored(vision.anls(answer, references), reason=note)),
        "relaxed_accuracy": quality(relaxed_accuracy),
        "latency": unless_blocked(lambda: answers.measured(record, "total_time")),
    }
    row: dict[str, Any] = {
        "id": row_id or answers.content_id(question, ground_truth),
        "category": category,
        "degradation": degradation,
        "question_type": question_type,
        "outcome": outcome,
        "answer": answer if isinstance(answer, str) else "",
        "references": references,
    }
    for metric, score in scores.items():
        row |= score.fields(metric)
    if fields is None:
        is_field = question_type == "field" and references
        fields, expected_fields = {"answer": answer}, {"answer": references} if is_field else {}
    row |= _field_columns(fields, expected_fields, blocked, note)
    row |= _error_columns("cer", character_errors, ocr_text, true_text)
    return row | _error_columns("wer", word_errors, ocr_text, true_text)


def aggregate(rows: Sequence[Any], rows_expected: int | None) -> dict[str, float]:
    """All metrics of a run from its row records; finite numbers only, defined for no rows.

    rows_expected: as in `bakeoff.metrics.chat.aggregate`. Beside what `summarise` gives for each metric: outcome
    counts, `<m>_corpus` (edits over the length of all texts) and `<m>_max` (the worst row) of the error rates, how
    many fields were right, wrong, missing and spurious, p50 and p95 of the latency, and the means by kind of picture,
    by degradation and by type of question, `<split>_<key>_<metric>`, with `_rows_scored` beside each and `_max` beside
    each error rate. A picture counts in the error rates once for each of its questions.
    """
    records: list[Row] = [row for row in rows if isinstance(row, Mapping)]
    metrics = count_outcomes(records, rows_expected or 0)
    metrics["rows_expected_known"] = int(rows_expected is not None)
    expected = int(metrics["rows_expected"])
    for metric in QUALITY + FIGURES:
        metrics |= summarise(records, metric, expected)
    for metric in ERROR_RATES:
        if counts := _counts(records, metric.name):
            metrics[f"{metric.name}_corpus"] = total_errors(counts).rate
            metrics[f"{metric.name}_max"] = max(count.rate for count in counts)
    for part in FIELD_COUNTS:
        metrics[f"fields_{part}_total"] = sum(row.get(f"fields_{part}", 0) for row in records)
    if times := scores_of(records, "latency"):
        metrics |= {"latency_p50": percentile(times, 50), "latency_p95": percentile(times, 95)}
    for split in SPLITS:
        metrics |= _summarise_split(records, split)
    return metrics


def _binary(correct: bool, note: str) -> Score:
    return scored(correct, passed=correct, reason=note)


def _field_columns(fields: Any, expected: Any, blocked: str, note: str) -> dict[str, Any]:
    """The columns of field accuracy and, where it is scored, how many fields were right, wrong, ..."""
    name = "field_accuracy"
    if not (isinstance(expected, Mapping) and expected):
        return skipped("the row has no expected fields").fields(name)
    if blocked:
        return failed(blocked).fields(name)
    if not isinstance(fields, Mapping):
        return failed(f"the extracted fields are a {type(fields).__name__}, not an object").fields(name)
    try:
        found = vision.score_fields(fields, expected)
    except InputError as error:
        return failed(str(error)).fields(name)
    if found.right + found.wrong + found.missing == 0:
        return skipped("all expected fields are blank").fields(name)
    columns = scored(found.accuracy, passed=found.accuracy == 1, reason=note).fields(name)
    return columns | {f"fields_{part}": getattr(found, part) for part in FIELD_COUNTS}


def _error_columns(name: str, count: Callable[[str, str], ErrorCount], ocr_text: Any, true_text: Any) -> dict[str, Any]:
    """The columns of an error rate and, where it is scored, `<name>_errors` and `<name>_length`."""
    if not isinstance(true_text, str) or true_text == "nan":
        return skipped("the row has no true text").fields(name)
    if ocr_text is None:
        return skipped("the flow read no text").fields(name)
    if not isinstance(ocr_text, str):
        return failed(f"the text that OCR read is a {type(ocr_text).__name__}, not a string").fields(name)
    counted = count(ocr_text, true_text)
    return scored(counted.rate).fields(name) | {f"{name}_errors": counted.errors, f"{name}_length": counted.length}


def _counts(rows: Sequence[Row], name: str) -> list[ErrorCount]:
    return [
        ErrorCount(row[f"{name}_errors"], row[f"{name}_length"])
        for row in rows
        if row.get(f"{name}_status") == "scored"
    ]


def _summarise_split(rows: Sequence[Row], split: str) -> dict[str, float]:
    """Means by the values of one column; rows without one are left out, and so is an error rate without a score."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.get(split):
            groups[category_key(str(row[split]))].append(row)
    summary: dict[str, float] = {}
    for key, members in sorted(groups.items()):
        prefix = f"{split}_{key}"
        summary[f"{prefix}_rows"] = len(members)
        for metric in QUALITY + ERROR_RATES:
            scores = scores_of(members, metric.name)
            summary[f"{prefix}_{metric.name}_rows_scored"] = len(scores)
            if scores or metric.maximum is not None:
                summary[f"{prefix}_{metric.name}"] = mean(scores)
            if scores and metric in ERROR_RATES:
                summary[f"{prefix}_{metric.name}_max"] = max(scores)
    return summary
