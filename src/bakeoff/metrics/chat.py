"""How a chat answer is scored, row by row and as a whole: the content of `evaluations/chat`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bakeoff.metrics import answers, text
from bakeoff.metrics.rows import Row, Score, attempt, failed, scored, scores_of, skipped
from bakeoff.metrics.speed import decode_tokens_per_second, percentile
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories

QUALITY = (
    Metric("exact_match", maximum=1, binary=True),
    Metric("f1", maximum=1),
    Metric("rouge_l", maximum=1),
    Metric("bleu", maximum=100),
    Metric("chrf", maximum=100),
)
FIGURES = (
    Metric("refusal", binary=True),
    Metric("words"),
    Metric("length_ratio"),
    Metric("latency"),
    Metric("time_to_first_token"),
    Metric("tokens_per_second"),
    Metric("prompt_tokens"),
    Metric("completion_tokens"),
)
BY_CATEGORY = QUALITY[:3]


def score_row(
    *,
    answer: Any,
    completion: Any,
    ground_truth: Any,
    aliases: Any = (),
    category: str = "",
    question: str = "",
    row_id: str = "",
) -> dict[str, Any]:
    """The record of one answer: `id`, `category`, `outcome`, the compared texts, and four columns for each metric.

    completion: the fields of `bakeoff.models.base.Completion`; empty where the answer came without one.
    aliases: further right answers beside ground_truth. row_id: where empty, a hash of question and ground_truth
    stands in, the same in every run. Nothing in the data makes this raise: what cannot be scored is `failed`, what
    has nothing to be compared with is `skipped`.
    """
    references = answers.references(ground_truth, aliases)
    outcome, blocked, note = answers.outcome(answer, completion, references)
    record = completion if isinstance(completion, Mapping) else {}

    def unless_blocked(compute: Callable[[], Score]) -> Score:
        return failed(blocked) if blocked else attempt(compute)

    def quality(compute: Callable[[], Score]) -> Score:
        return unless_blocked(lambda: compute() if references else skipped("the row has no ground truth"))

    def measured(field: str) -> Score:
        return unless_blocked(lambda: answers.measured(record, field))

    scores = {
        "exact_match": quality(lambda: answers.exact_match(answer, references, note)),
        "f1": quality(lambda: scored(text.token_f1(answer, references), reason=note)),
        "rouge_l": quality(lambda: scored(text.rouge_l(answer, references), reason=note)),
        "bleu": quality(lambda: scored(text.sentence_bleu(answer, references), reason=note)),
        "chrf": quality(lambda: scored(text.sentence_chrf(answer, references), reason=note)),
        "refusal": unless_blocked(lambda: scored(outcome == "refused", passed=outcome != "refused")),
        "words": unless_blocked(lambda: scored(text.word_count(answer))),
        "length_ratio": quality(lambda: scored(text.length_ratio(answer, references[0]))),
        "latency": measured("total_time"),
        "time_to_first_token": measured("time_to_first_token"),
        "tokens_per_second": unless_blocked(lambda: _tokens_per_second(record)),
        "prompt_tokens": measured("prompt_tokens"),
        "completion_tokens": measured("completion_tokens"),
    }
    row: dict[str, Any] = {
        "id": row_id or answers.content_id(question, ground_truth),
        "category": category,
        "outcome": outcome,
        "answer": answer if isinstance(answer, str) else "",
        "references": references,
        "dropped_turns": record.get("dropped_turns", 0),
    }
    for metric, score in scores.items():
        row |= score.fields(metric)
    return row


def aggregate(rows: Sequence[Any], rows_expected: int | None) -> dict[str, float]:
    """All metrics of a run from its row records; finite numbers only, defined for no rows.

    rows_expected: how many rows the run should have had; those that never arrived count as failed. None where nobody
    knows: then missing rows cannot be counted and `rows_expected_known` is 0. Beside what
    `summarise` gives for each metric: outcome counts, means by category, corpus BLEU and chrF over the scored rows,
    p50 and p95 of the times (where any was measured), token totals, and rows whose history was cut to fit the prompt.
    """
    records: list[Row] = [row for row in rows if isinstance(row, Mapping)]
    metrics = count_outcomes(records, rows_expected or 0)
    metrics["rows_expected_known"] = int(rows_expected is not None)
    expected = int(metrics["rows_expected"])
    metrics["rows_history_cut"] = sum(row.get("dropped_turns", 0) not in (0, None) for row in records)
    for metric in QUALITY + FIGURES:
        metrics |= summarise(records, metric, expected)
    compared = [row for row in records if row.get("bleu_status") == "scored"]
    texts, references = [row["answer"] for row in compared], [row["references"] for row in compared]
    metrics["bleu_corpus"] = text.corpus_bleu(texts, references)
    metrics["chrf_corpus"] = text.corpus_chrf(texts, references)
    for name in ("latency", "time_to_first_token"):
        if times := scores_of(records, name):
            metrics |= {f"{name}_p50": percentile(times, 50), f"{name}_p95": percentile(times, 95)}
    for name in ("prompt_tokens", "completion_tokens"):
        metrics[f"{name}_total"] = sum(scores_of(records, name))
    return metrics | summarise_categories(records, BY_CATEGORY)


def _tokens_per_second(record: Mapping[str, Any]) -> Score:
    parts = [answers.measured(record, field) for field in ("completion_tokens", "time_to_first_token", "total_time")]
    for part in parts:
        if part.status != "scored":
            return part
    tokens, first, total = (part.score or 0.0 for part in parts)
    if tokens < 2 or total <= first:
        return skipped("decoding speed needs two tokens and time after the first one")
    return scored(decode_tokens_per_second(int(tokens), first, total))
