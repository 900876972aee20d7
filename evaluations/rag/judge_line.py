from pathlib import Path
from typing import Any, Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts.promptflow_judge import judge_groundedness

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def judge_line(
    row: dict[str, Any],
    passages: list[dict[str, Any]],
    judge: str,
    max_new_tokens: int,
    connection: Connection = None,
) -> dict[str, Any]:
    """The row, with what a judge says of its groundedness where one is named."""
    instructions = Path(__file__).with_name("groundedness.jinja2").read_text(encoding="utf-8")
    return judge_groundedness(row, passages, instructions, judge, connection, max_new_tokens)
