"""How good a ranked list of ids is against the gold ids of its question.

In every function the ranking is best first, and a repeated id counts once, at its first rank, with what follows it
moving up (as in KILT's script; passages of one page may share its id). An empty ranking scores 0. Empty gold raises
InputError: a question without gold passages has no retrieval score, and its row is to be skipped. k is a number of
ranks, at least 1; a ranking shorter than k is not padded, but precision still divides by k, as in trec_eval.
"""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence

from bakeoff.errors import InputError


def unique(ranking: Sequence[Hashable]) -> list[Hashable]:
    """The ranking without repeats, each id at its first rank."""
    return list(dict.fromkeys(ranking))


def recall_at_k(ranking: Sequence[Hashable], gold: Collection[Hashable], k: int) -> float:
    """Share of the gold ids among the first k, 0 to 1.

    Source: Manning, Raghavan and Schütze 2008, "Introduction to Information Retrieval", sections 8.3 and 8.4.
    """
    return _found(ranking, gold, k) / len(set(gold))


def precision_at_k(ranking: Sequence[Hashable], gold: Collection[Hashable], k: int) -> float:
    """Gold ids among the first k, divided by k, 0 to 1; with fewer gold ids than k it cannot reach 1.

    Source: Manning, Raghavan and Schütze 2008, section 8.4 (trec_eval's `P_k`).
    """
    return _found(ranking, gold, k) / k


def complete_at_k(ranking: Sequence[Hashable], gold: Collection[Hashable], k: int) -> bool:
    """Whether all gold ids are among the first k: what a question needs that has to combine several passages.

    Source: "paragraph exact match" of Asai et al. 2020, "Learning to Retrieve Reasoning Paths", arXiv:1911.10470.
    """
    return _found(ranking, gold, k) == len(set(gold))


def reciprocal_rank(ranking: Sequence[Hashable], gold: Collection[Hashable]) -> float:
    """1 / rank of the first gold id, 0 where there is none; its mean over questions is MRR.

    Source: Voorhees 1999, "The TREC-8 Question Answering Track Report".
    """
    relevant = _relevant(gold)
    return next((1 / rank for rank, item in enumerate(unique(ranking), 1) if item in relevant), 0.0)


def r_precision(ranking: Sequence[Hashable], gold: Collection[Hashable]) -> float:
    """Precision of the first R, where R is the number of gold ids, 0 to 1.

    Source: Manning, Raghavan and Schütze 2008, section 8.4.
    """
    return precision_at_k(ranking, gold, len(_relevant(gold)))


def ndcg_at_k(ranking: Sequence[Hashable], gold: Collection[Hashable] | Mapping[Hashable, float], k: int) -> float:
    """Normalised discounted cumulative gain of the first k, 0 to 1.

    gold: ids that each gain 1, or a mapping from id to gain (0 or more, not all 0; other ids gain 0). The gain is
    used as it is (linear, not 2^gain - 1) and divided by log2(rank + 1); the ideal ranking takes all gold ids, best
    first, and is cut at k too. Source: Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR
    techniques", ACM TOIS 20:422-446, with the discount that later work and trec_eval's `ndcg_cut` use (theirs divides
    by log2(rank) from rank 2 on). Raises InputError for a gain that is negative or not finite.
    """
    _check_k(k)
    gains: dict[Hashable, float] = dict(gold) if isinstance(gold, Mapping) else dict.fromkeys(_relevant(gold), 1.0)
    for item, gain in gains.items():
        if not (math.isfinite(gain) and gain >= 0):
            raise InputError(f"the gain of {item!r} is {gain}: give a number of 0 or more")
    _relevant([item for item, gain in gains.items() if gain])
    found = [gains.get(item, 0.0) for item in unique(ranking)[:k]]
    return _discounted(found) / _discounted(sorted(gains.values(), reverse=True)[:k])


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _found(ranking: Sequence[Hashable], gold: Collection[Hashable], k: int) -> int:
    _check_k(k)
    return len(_relevant(gold).intersection(unique(ranking)[:k]))


def _relevant(gold: Collection[Hashable]) -> set[Hashable]:
    if isinstance(gold, str):
        raise InputError("the gold ids are one string: give a list or set of ids")
    if not gold:
        raise InputError("no gold ids: retrieval cannot be scored, skip the row")
    return set(gold)


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"k is {k}: give a number of ranks of at least 1")
