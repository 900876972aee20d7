from typing import Any

from promptflow.core import tool

from bakeoff.metrics import chat


@tool
def score_line(
    answer: str,
    completion: dict[str, Any],
    ground_truth: str,
    aliases: list[str],
    category: str,
    question: str,
    row_id: str,
) -> dict[str, Any]:
    """Score one answer; never raises, because a failed line would vanish before the aggregate."""
    return chat.score_row(
        answer=answer,
        completion=completion,
        ground_truth=ground_truth,
        aliases=aliases,
        category=category,
        question=question,
        row_id=row_id,
    )
