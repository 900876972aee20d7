from typing import Any

from promptflow.core import tool

from bakeoff.hosts.promptflow_judge import judge_row
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def judge_line(
    relevance: str,
    coherence: str,
    fluency: str,
    similarity: str,
    groundedness: str,
    retrieval: str,
    preference: str,
    judge: str,
    question: str,
    answer: str,
    other_answer: str,
    ground_truth: str,
    context: Any,
    criteria: list,
    labels: dict,
    repeats: int,
    max_new_tokens: int,
    input_price: float,
    output_price: float,
    sdk_evaluators: list,
    category: str,
    row_id: str,
    connection: ModelConnection = None,
) -> dict[str, Any]:
    """What the judge says of one answer, criterion by criterion."""
    return judge_row(
        instructions={
            "relevance": relevance,
            "coherence": coherence,
            "fluency": fluency,
            "similarity": similarity,
            "groundedness": groundedness,
            "retrieval": retrieval,
            "preference": preference,
        },
        judge=judge,
        connection=connection,
        criteria=criteria,
        repeats=repeats,
        max_new_tokens=max_new_tokens,
        prices=(input_price, output_price),
        sdk_evaluators=sdk_evaluators,
        question=question,
        answer=answer,
        other_answer=other_answer,
        ground_truth=ground_truth,
        context=context,
        labels=labels,
        category=category,
        row_id=row_id,
    )
