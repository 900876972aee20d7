"""How a RAG answer is scored, row by row and as a whole: the content of `evaluations/rag`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from bakeoff.errors import InputError
from bakeoff.metrics import answers, citations, text
from bakeoff.metrics.abstention import is_abstention, score_abstentions
from bakeoff.metrics.citations import Supports, without_citations
from bakeoff.metrics.groundedness import groundedness
from bakeoff.metrics.judge import summarise_effort
from bakeoff.metrics.kilt import kilt_score
from bakeoff.metrics.rag_retrieval import RETRIEVAL, read_answerable, read_passages, score_retrieval, shown
from bakeoff.metrics.refusal import is_refusal
from bakeoff.metrics.rows import Row, Score, attempt, failed, scored, scores_of, skipped
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories

GENERATION = (
    Metric("exact_match", maximum=1, binary=True),
    Metric("f1", maximum=1),
    Metric("contains_answer", maximum=1, binary=True),
    Metric("kilt_exact_match", maximum=1, binary=True),
    Metric("kilt_f1", maximum=1),
    Metric("citation_recall", maximum=1),
    Metric("citation_precision", maximum=1),
    Metric("groundedness", maximum=1),
    Metric("abstention_precision", maximum=1, binary=True),
    Metric("abstention_recall", maximum=1, binary=True),
)
FIGURES = (
    Metric("abstention", binary=True),
    Metric("invented_citations"),
    Metric("retrieval_latency"),
    Metric("generation_latency"),
    Metric("prompt_tokens"),
    Metric("completion_tokens"),
)
JUDGED = Metric("judged_groundedness", maximum=5)
BY_CATEGORY = tuple(
    metric
    for metric in RETRIEVAL + GENERATION + FIGURES
    if metric.name in ("recall_at_5", "complete_at_5", "exact_match", "f1", "groundedness", "abstention")
)
BLAMES = ("none", "retrieval", "threshold", "packing", "abstention", "generation", "unknown")
"""Which part of the flow lost the answer (see `blame`); every row has exactly one."""


def score_row(
    *,
    answer: Any,
    completion: Any,
    passages: Any,
    retrieval: Any,
    ground_truth: Any,
    supports: Supports,
    aliases: Any = (),
    gold: Any = (),
    answerable: Any = True,
    category: str = "",
    question: str = "",
    row_id: str = "",
) -> dict[str, Any]:
    """The record of one answer: `id`, `category`, `outcome`, `abstained`, `blame`, the compared texts, and four
    columns for each metric.

    answer, completion, passages, retrieval: outputs of flows/rag. ground_truth, aliases, gold, answerable: columns of
    data/rag. supports: decides whether passages support a sentence, for citations and groundedness. category,
    question, row_id: as in `bakeoff.metrics.chat.score_row`. Nothing in the data makes this raise: what cannot be
    scored is `failed`, what does not apply to the row is `skipped`. Both halves are scored on their own: an answer
    that failed leaves the retrieval scores as they are, and the other way round.
    """
    references = answers.references(ground_truth, aliases)
    outcome, blocked, note = answers.outcome(answer, completion, references, _refuses)
    plain = "" if blocked else without_citations(answer)
    abstained = None if blocked else is_abstention(plain)

    def unless_blocked(compute: Callable[[], Score]) -> Score:
        return failed(blocked) if blocked else attempt(compute)

    def compared(compute: Callable[[], Score]) -> Score:
        def score() -> Score:
            if not read_answerable(answerable):
                return skipped("the question has no right answer: abstention is what counts")
            if blocked:
                return failed(blocked)
            return compute() if references else skipped("the row has no ground truth")

        return attempt(score)

    def measured(field: str) -> Score:
        return unless_blocked(lambda: answers.measured(completion, field))

    scores = score_retrieval(passages, gold, answerable)
    scores |= {
        "exact_match": compared(lambda: answers.exact_match(plain, references, note)),
        "f1": compared(lambda: scored(text.token_f1(plain, references), reason=note)),
        "contains_answer": compared(lambda: _contains_answer(plain, references, note)),
    }
    scores |= {
        "kilt_exact_match": _kilt(scores["exact_match"], scores["r_precision"]),
        "kilt_f1": _kilt(scores["f1"], scores["r_precision"]),
        **_score_evidence(answer, passages, supports, blocked, abstained, note),
        **_score_abstention(answerable, abstained, blocked),
        "retrieval_latency": attempt(lambda: _retrieval_latency(retrieval)),
        "generation_latency": measured("total_time"),
        "prompt_tokens": measured("prompt_tokens"),
        "completion_tokens": measured("completion_tokens"),
    }
    enough = retrieval.get("enough") if isinstance(retrieval, Mapping) else None
    row: dict[str, Any] = {
        "id": row_id or answers.content_id(question, ground_truth),
        "category": category,
        "outcome": outcome,
        "answerable": answerable if isinstance(answerable, bool) else None,
        "abstained": abstained,
        "blame": blame(scores, answerable, abstained, enough),
        "answer": answer if isinstance(answer, str) else "",
        "references": references,
    }
    for metric, score in scores.items():
        row |= score.fields(metric)
    return row


def blame(scores: Mapping[str, Score], answerable: Any, abstained: bool | None, enough: Any) -> str:
    """Which part of the flow lost the answer, the first that applies of `BLAMES`.

    `unknown`: the answer or its retrieval could not be scored. `none`: a right answer (`contains_answer`; F1 would not
    do, "20 kg" has 0.5 where 8 kg is right), or an abstention where there was nothing to answer. For other answerable
    rows: `retrieval` where not all gold was retrieved; `threshold` where it was, but retrieval's best passage did not
    pass (`enough` is false); `packing` where not all of it was shown to the model; `abstention` where the model saw it
    all and abstained; `generation` where it saw it all and answered wrongly. An unanswerable question that was
    answered is `generation` too.
    """
    if abstained is None or not isinstance(answerable, bool):
        return "unknown"
    if not answerable:
        return "none" if abstained else "generation"
    if scores["contains_answer"].passed and not abstained:
        return "none"
    if any(scores[metric].status != "scored" for metric in ("contains_answer", "recall_retrieved")):
        return "unknown"
    if scores["recall_retrieved"].score != 1:
        return "retrieval"
    if enough is False:
        return "threshold"
    if scores["recall_shown"].score != 1:
        return "packing"
    return "abstention" if abstained else "generation"


def aggregate(rows: Sequence[Any], rows_expected: int | None) -> dict[str, float]:
    """All metrics of a run from its row records; finite numbers only, defined for no rows.

    rows_expected: as in `bakeoff.metrics.chat.aggregate`. Beside what `summarise` gives for each metric: outcome
    counts, `blame_<part>` counts (they and `rows_missing` add up to `rows_expected`), `abstention_f1`, means by
    category, p50 and p95 of the times (where any was measured) and token totals. The mean of `reciprocal_rank` is MRR.
    """
    records: list[Row] = [row for row in rows if isinstance(row, Mapping)]
    metrics = count_outcomes(records, rows_expected or 0)
    metrics["rows_expected_known"] = int(rows_expected is not None)
    expected = int(metrics["rows_expected"])
    blames = Counter(row.get("blame") if row.get("blame") in BLAMES else "unknown" for row in records)
    metrics |= {f"blame_{part}": blames[part] for part in BLAMES}
    for metric in RETRIEVAL + GENERATION + FIGURES:
        metrics |= summarise(records, metric, expected)
    if any(f"{JUDGED.name}_status" in row for row in records):
        metrics |= summarise(records, JUDGED, expected) | summarise_effort(records, expected)
    metrics["abstention_f1"] = _abstention_f1(records)
    for name in ("retrieval_latency", "generation_latency"):
        if times := scores_of(records, name):
            metrics |= {f"{name}_p50": percentile(times, 50), f"{name}_p95": percentile(times, 95)}
    for name in ("prompt_tokens", "completion_tokens"):
        metrics[f"{name}_total"] = sum(scores_of(records, name))
    return metrics | summarise_categories(records, BY_CATEGORY)


def _refuses(answer: str) -> bool:
    """Saying that the documents do not hold the answer is no refusal, even in words that fit both."""
    return is_refusal(answer) and not is_abstention(without_citations(answer))


def _contains_answer(answer: str, references: Sequence[str], note: str) -> Score:
    """Whether the words of a reference stand in the answer one after the other, both after SQuAD's normalisation.

    What exact match and F1 hold against a right answer in a long sentence does not count here. Source: the accuracy
    of Liu et al. 2023, "Lost in the Middle", arXiv:2307.03172 (`best_subspan_em` of nelson-liu/lost-in-the-middle),
    but on whole words, so that "5" is not found in "15".
    """
    comparable = [normal for reference in references if (normal := text.normalize_answer(reference))]
    if not comparable:
        return skipped("SQuAD normalisation leaves nothing of the ground truth")
    words = f" {text.normalize_answer(answer)} "
    contained = any(f" {reference} " in words for reference in comparable)
    return scored(contained, passed=contained, reason=note)


def _kilt(score: Score, r_precision: Score) -> Score:
    """KILT's downstream score; what either part lacks, it lacks too."""
    for part in (score, r_precision):
        if part.status != "scored":
            return part
    credited = kilt_score(score.score or 0.0, r_precision.score or 0.0)
    passed = None if score.passed is None else bool(credited)
    return scored(credited, passed=passed, reason="" if r_precision.score == 1 else "R-precision is below 1")


def _score_evidence(
    answer: Any, passages: Any, supports: Supports, blocked: str, abstained: bool | None, note: str
) -> dict[str, Score]:
    """What the answer's sentences have behind them: their own citations, or any passage shown (groundedness)."""
    names = ("citation_recall", "citation_precision", "groundedness", "invented_citations")
    if blocked:
        return dict.fromkeys(names, failed(blocked))
    try:
        seen = [passage.evidence for passage in shown(read_passages(passages))]
    except InputError as error:
        return dict.fromkeys(names, failed(str(error)))
    if abstained:
        return dict.fromkeys(names, skipped("the answer abstains, so it has nothing to cite"))
    cited = cache(lambda: citations.score_citations(answer, seen, supports))
    invented = citations.invented_share(answer, len(seen))
    return {
        "citation_recall": attempt(lambda: scored(cited().recall, reason=note)),
        "citation_precision": attempt(lambda: scored(cited().precision, reason=note)),
        "groundedness": attempt(lambda: scored(groundedness(answer, seen, supports).share, reason=note)),
        "invented_citations": skipped("the answer cites nothing")
        if invented is None
        else scored(invented, passed=not invented),
    }


def _score_abstention(answerable: Any, abstained: bool | None, blocked: str) -> dict[str, Score]:
    """The abstention itself (a figure), and its part in precision (over abstentions) and recall (over unanswerable)."""
    names = ("abstention", "abstention_precision", "abstention_recall")
    try:
        unanswerable = not read_answerable(answerable)
    except InputError as error:
        return dict.fromkeys(names, failed(str(error)))
    applies = skipped("the documents hold an answer")
    if abstained is None:
        scores = dict.fromkeys(names, failed(blocked))
        return scores if unanswerable else scores | {"abstention_recall": applies}
    right = scored(unanswerable, passed=unanswerable)
    return {
        "abstention": scored(abstained, passed=abstained == unanswerable),
        "abstention_precision": right if abstained else skipped("the answer does not abstain"),
        "abstention_recall": scored(abstained, passed=abstained) if unanswerable else applies,
    }


def _abstention_f1(rows: Sequence[Row]) -> float:
    """Harmonic mean of abstention precision and recall over the rows where both are known; 0 where it has no value."""
    pairs = [(row.get("answerable"), row.get("abstained")) for row in rows]
    counts = score_abstentions((a, b) for a, b in pairs if isinstance(a, bool) and isinstance(b, bool))
    return 2 * counts.both / max(counts.abstained + counts.unanswerable, 1)


def _retrieval_latency(retrieval: Any) -> Score:
    if not isinstance(retrieval, Mapping):
        return failed(f"the retrieval record is a {type(retrieval).__name__}, not an object")
    return answers.measured(retrieval, "seconds", "retrieval record")
