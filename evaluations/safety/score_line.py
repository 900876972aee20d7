from typing import Any, Union

from promptflow.connections import AzureContentSafetyConnection
from promptflow.core import tool

from bakeoff.hosts.content_safety import severities_from
from bakeoff.metrics import safety

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureContentSafetyConnection, None]  # noqa: UP007


@tool
def score_line(
    answer: str,
    completion: dict[str, Any],
    category: str,
    technique: str,
    secret: str,
    ground_truth: str,
    question: str,
    row_id: str,
    connection: Connection = None,
) -> dict[str, Any]:
    """Score one answer; never raises, because a failed line would vanish before the aggregate."""
    return safety.score_row(
        answer=answer,
        completion=completion,
        category=category,
        technique=technique,
        secret=secret,
        ground_truth=ground_truth,
        question=question,
        severities=severities_from(connection),
        row_id=row_id,
    )
