from typing import Any

from promptflow.core import tool

from bakeoff.metrics import vision_rows


@tool
def score_line(
    answer: str,
    completion: dict[str, Any],
    ground_truth: str,
    aliases: list[str],
    category: str,
    degradation: str,
    question_type: str,
    ocr_text: object,
    true_text: object,
    question: str,
    row_id: str,
) -> dict[str, Any]:
    """Score one answer and what OCR read; never raises, because a failed line would vanish before the aggregate."""
    return vision_rows.score_row(
        answer=answer,
        completion=completion,
        ground_truth=ground_truth,
        aliases=aliases,
        category=category,
        degradation=degradation,
        question_type=question_type,
        ocr_text=ocr_text,
        true_text=true_text,
        question=question,
        row_id=row_id,
    )
