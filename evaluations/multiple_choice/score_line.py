from typing import Any

from promptflow.core import tool

from bakeoff.metrics import multiple_choice


@tool
def score_line(
    choice: int,
    answer: str,
    logprobs: list[float],
    completion: dict[str, Any],
    label: int,
    category: str,
    row_id: str,
) -> dict[str, Any]:
    """Score one choice; never raises, because a failed line would vanish before the aggregate."""
    return multiple_choice.score_row(
        choice=choice,
        answer=answer,
        logprobs=logprobs,
        completion=completion,
        label=label,
        category=category,
        row_id=row_id,
    )
