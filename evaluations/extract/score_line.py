from typing import Any

from promptflow.core import tool

from bakeoff.metrics import extract


@tool
def score_line(answer: str, completion: dict[str, Any], expected: str, category: str, row_id: str) -> dict[str, Any]:
    """Score one answer; never raises, because a failed line would vanish before the aggregate."""
    return extract.score_row(answer=answer, completion=completion, expected=expected, category=category, row_id=row_id)
