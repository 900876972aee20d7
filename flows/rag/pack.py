from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_rag

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def pack(
    passages: list, enough: bool, model: str, max_passage_tokens: int, max_passages: int, connection: Connection = None
) -> list:
    """The passages, those numbered that the model is to see."""
    return promptflow_rag.choose(
        passages,
        enough,
        model=model,
        connection=connection,
        most_tokens=max_passage_tokens,
        most_passages=max_passages,
    )
