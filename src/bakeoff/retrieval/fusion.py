"""What vectors and keywords found for one question, made one ranking."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True)
class FusionSettings:
    """Constants of `fuse`; the defaults are what `python perf/fusion.py` chooses, on other questions than it reports.

    similarity_temperature: in units of the cosine. keyword_temperature: in units of the best keyword score.
    similarity_share: weight of the similarities against the keywords, 0 to 1. rank_weight: of the ranks against both.
    rank_constant: of reciprocal rank fusion.
    """

    similarity_temperature: float = 0.05
    keyword_temperature: float = 0.2
    similarity_share: float = 0.5
    rank_weight: float = 0.5
    rank_constant: float = 5.0


def fuse(
    similarities: Mapping[Item, float], keywords: Mapping[Item, float], settings: FusionSettings = FusionSettings()
) -> dict[Item, float]:
    """Fused score of every candidate, best first.

    similarities: cosine with the question of every candidate, whichever side found it. keywords: BM25 score, above 0,
    of those that share a word with it. Three terms are added up: reciprocal rank fusion with equal weights (Cormack,
    Clarke and Büttcher 2009, SIGIR), and for each side the softmax of its scores over the candidates. Ranks alone hide
    how clearly a side prefers its first passage; the softmax brings that back, and the ranks order the rest.
    """
    best_keyword = max(keywords.values(), default=1.0)
    shares = (
        (settings.similarity_share, _softmax(similarities, settings.similarity_temperature)),
        (1 - settings.similarity_share, _softmax(keywords, settings.keyword_temperature * best_keyword)),
    )
    scores = {item: sum(weight * share.get(item, 0.0) for weight, share in shares) for item in similarities}
    for side in (similarities, keywords):
        for rank, item in enumerate(sorted(side, key=lambda item: -side[item]), 1):
            scores[item] += settings.rank_weight / 2 * (settings.rank_constant + 1) / (settings.rank_constant + rank)
    return dict(sorted(scores.items(), key=lambda pair: -pair[1]))


def _softmax(scores: Mapping[Item, float], temperature: float) -> dict[Item, float]:
    best = max(scores.values(), default=0.0)
    powers = {item: math.exp((score - best) / temperature) for item, score in scores.items()}
    total = sum(powers.values())
    return {item: power / total for item, power in powers.items()}
