from pathlib import Path
from typing import Union

from promptflow.connections import (
    AzureOpenAIConnection,
    CognitiveSearchConnection,
    CustomConnection,
    OpenAIConnection,
    ServerlessConnection,
)
from promptflow.core import tool

from bakeoff.hosts import promptflow_rag

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007
SearchConnection = Union[CognitiveSearchConnection, None]  # noqa: UP007


@tool
def retrieve(
    question: str,
    is_follow_up: bool,
    index: str,
    mode: str,
    top_k: int,
    min_similarity: float,
    reranker: str,
    embedding: str,
    rewritten: str = "",
    embedding_connection: Connection = None,
    search_connection: SearchConnection = None,
) -> dict:
    """The passages for the question, how they were found, and whether they are good enough to answer from."""
    return promptflow_rag.find(
        question,
        rewritten if is_follow_up else None,
        index=index,
        base=Path(__file__).parent,
        mode=mode,
        top_k=top_k,
        min_similarity=min_similarity,
        reranker=reranker,
        embedding=embedding,
        embedding_connection=embedding_connection,
        search_connection=search_connection,
    )
