from typing import Any, Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts.promptflow_judge import judge_row

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


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
    connection: Connection = None,
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
