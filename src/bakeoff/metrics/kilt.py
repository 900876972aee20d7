"""The KILT metrics: an answer earns credit only where its provenance was found.

Source: Petroni et al. 2021, "KILT: a Benchmark for Knowledge Intensive Language Tasks", arXiv:2009.02252, and
eval_retrieval.py and eval_downstream.py of facebookresearch/KILT. An evidence set holds the ids (pages, or pages with
paragraphs) that support one gold answer together; a question may have several, and one of them is enough. Sets that
no ranking can complete (empty) count, as in those scripts; without any set, and for an empty ranking, all retrieval
scores are 0. A repeated id of a ranking counts once, at its first rank.
"""

from collections.abc import Collection, Hashable, Sequence

from bakeoff.errors import InputError
from bakeoff.metrics import kilt_rouge, retrieval, text

EvidenceSets = Sequence[Collection[Hashable]]


def score_retrieval(
    ranking: Sequence[Hashable], evidence_sets: EvidenceSets, ks: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """`r_precision`, and for each k `precision_at_<k>`, `recall_at_<k>` and `success_rate_at_<k>`, 0 to 1.

    KILT reports recall and success rate from k = 2 on only. Raises InputError for a k below 1.
    """
    scores = {"r_precision": r_precision(ranking, evidence_sets)}
    for k in ks:
        scores[f"precision_at_{k}"] = precision_at_k(ranking, evidence_sets, k)
        scores[f"recall_at_{k}"] = recall_at_k(ranking, evidence_sets, k)
        scores[f"success_rate_at_{k}"] = float(success_at_k(ranking, evidence_sets, k))
    return scores


def score_answer(answer: str, references: Sequence[str], page_r_precision: float) -> dict[str, float]:
    """`accuracy`, `exact_match`, `f1` and `rouge_l` against the best reference, and each as `kilt_...`, 0 to 1.

    page_r_precision: `r_precision` on page ids, whatever ids other retrieval scores use. Accuracy is equality of the
    stripped texts. Exact match and F1 use the SQuAD normalisation of `text.normalize_answer`, which is KILT's too;
    ROUGE-L is `kilt_rouge.rouge_l`. A blank answer and an answer without references score 0 (KILT's script stops).
    """
    ours = answer.strip()
    theirs = [reference.strip() for reference in references if reference.strip()] if ours else []
    scores = {
        "accuracy": float(ours in theirs),
        "exact_match": float(text.exact_match(ours, theirs)),
        "f1": text.token_f1(ours, theirs),
        "rouge_l": kilt_rouge.rouge_l(ours, theirs),
    }
    return scores | {f"kilt_{name}": kilt_score(score, page_r_precision) for name, score in scores.items()}


def kilt_score(score: float, page_r_precision: float) -> float:
    """The downstream score where R-precision is 1, otherwise 0: no credit for answers without their provenance."""
    return score if page_r_precision == 1 else 0.0


def r_precision(ranking: Sequence[Hashable], evidence_sets: EvidenceSets) -> float:
    """R-precision of the evidence set where it is highest, 0 to 1; R is the number of ids in the set."""
    return max((retrieval.r_precision(ranking, evidence) for evidence in evidence_sets if evidence), default=0.0)


def precision_at_k(ranking: Sequence[Hashable], evidence_sets: EvidenceSets, k: int) -> float:
    """Completed evidence sets among the first k of `evidence_ranking`, divided by k, 0 to 1."""
    return sum(_first(k, ranking, evidence_sets)) / k


def recall_at_k(ranking: Sequence[Hashable], evidence_sets: EvidenceSets, k: int) -> float:
    """Completed evidence sets among the first k of `evidence_ranking`, of all distinct sets, 0 to 1."""
    found, distinct = sum(_first(k, ranking, evidence_sets)), len(set(map(frozenset, evidence_sets)))
    return found / distinct if distinct else 0.0


def success_at_k(ranking: Sequence[Hashable], evidence_sets: EvidenceSets, k: int) -> bool:
    """Whether an evidence set is complete among the first k of `evidence_ranking`."""
    return any(_first(k, ranking, evidence_sets))


def evidence_ranking(ranking: Sequence[Hashable], evidence_sets: EvidenceSets) -> list[bool]:
    """The ranking with each evidence set merged into one point: True for a complete set, False for all else.

    A set's point stands where its last found id stands, so the ids before it move up; an id outside all sets is a
    point, an id in several sets is one point in each.
    """
    distinct = dict.fromkeys(map(frozenset, evidence_sets))
    points: dict[Hashable, bool] = {}
    missing = {evidence: set(evidence) for evidence in distinct}
    for rank, item in enumerate(retrieval.unique(ranking)):
        sets = [evidence for evidence in distinct if item in evidence]
        if not sets:
            points[rank] = False
        for evidence in sets:
            missing[evidence].remove(item)
            points.pop(evidence, None)
            points[evidence] = not missing[evidence]
    return list(points.values())


def _first(k: int, ranking: Sequence[Hashable], evidence_sets: EvidenceSets) -> list[bool]:
    if k < 1:
        raise InputError(f"k is {k}: give a number of ranks of at least 1")
    return evidence_ranking(ranking, evidence_sets)[:k]
