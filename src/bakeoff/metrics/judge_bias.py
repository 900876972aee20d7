"""Two known biases of judges: for a place in the prompt, and for long answers."""

import math
from collections.abc import Sequence
from typing import Any

from scipy.stats import spearmanr

from bakeoff.metrics.rows import Row
from bakeoff.metrics.summary import mean


def position_bias(rows: Sequence[Row]) -> dict[str, float]:
    """`first_wins`, the share of the decided verdicts that went to the answer shown first (0.5 is no bias), and
    `first_wins_verdicts`, how many were decided.

    rows: with `preference_orders`, the winner (`answer`, `other` or `tie`) with `answer` first and with `other` first.
    How often a winner changes with the order is the metric `position_flip`. Source: Zheng et al. 2023, "Judging
    LLM-as-a-Judge with MT-Bench and Chatbot Arena", section 3.3.
    """
    first = [
        winner == shown_first
        for row in rows
        for winner, shown_first in zip(row.get("preference_orders") or (), ("answer", "other"), strict=False)
        if winner != "tie"
    ]
    return {"first_wins": mean(first), "first_wins_verdicts": len(first)} if first else {}


def verbosity_bias(rows: Sequence[Row]) -> dict[str, float]:
    """`longer_wins`, the share of pairs decided for the answer with more words, and `longer_wins_pairs`; with
    `human_longer_wins` and `human_longer_wins_pairs`, the same by people: longer answers may be the better ones.

    rows: with `preference_score` (1, 0.5 or 0), `human_preference` and `longer` (`answer`, `other` or empty).
    """
    judged = [{1.0: "answer", 0.0: "other"}.get(row.get("preference_score", 0.5), "") for row in rows]
    human = [str(row.get("human_preference", "")) for row in rows]
    figures: dict[str, float] = {}
    for name, winners in (("longer_wins", judged), ("human_longer_wins", human)):
        longer = [
            winner == row["longer"]
            for winner, row in zip(winners, rows, strict=True)
            if row.get("longer") and winner in ("answer", "other")
        ]
        if longer:
            figures |= {name: mean(longer), f"{name}_pairs": len(longer)}
    return figures


def length_correlation(scores: Sequence[Any], words: Sequence[int]) -> float | None:
    """Spearman's rank correlation of scores and lengths in words; None for fewer than 3 rows or without variation."""
    if len(scores) < 3 or len(set(scores)) == 1 or len(set(words)) == 1:
        return None
    value = float(spearmanr(scores, words).statistic)
    return value if math.isfinite(value) else None
