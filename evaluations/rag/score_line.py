from typing import Any

from promptflow.core import tool

from bakeoff.metrics import rag
from bakeoff.metrics.groundedness import SupportCheck
from bakeoff.models.load import load_embedding


@tool
def score_line(
    answer: str,
    completion: dict[str, Any],
    passages: list[dict[str, Any]],
    retrieval: dict[str, Any],
    ground_truth: str,
    aliases: list[str],
    gold: list[dict[str, str]],
    answerable: bool,
    category: str,
    question: str,
    row_id: str,
    embedding_model: str,
) -> dict[str, Any]:
    """Score one answer; never raises, because a failed line would vanish before the aggregate.

    The embedding model loads at the first sentence that needs it: without it only citations and groundedness fail.
    """
    return rag.score_row(
        answer=answer,
        completion=completion,
        passages=passages,
        retrieval=retrieval,
        ground_truth=ground_truth,
        supports=SupportCheck(lambda texts: load_embedding(embedding_model).embed(texts), question),
        aliases=aliases,
        gold=gold,
        answerable=answerable,
        category=category,
        question=question,
        row_id=row_id,
    )
