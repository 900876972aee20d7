from typing import Any

from promptflow.core import tool

from bakeoff.vision.chart_code import rows


@tool
def score_line(
    answer: str, completion: dict[str, Any], truth: dict[str, Any], image: object, category: str, row_id: str
) -> dict[str, Any]:
    """Score the code of one chart; never raises, because a failed line would vanish before the aggregate."""
    return rows.score_row(
        answer=answer, completion=completion, truth=truth, picture=image, category=category, row_id=row_id
    )
