from pathlib import Path

from promptflow.core import tool

from bakeoff.hosts import promptflow_rag
from bakeoff.hosts.promptflow_types import ModelConnection, SearchConnection


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
    embedding_connection: ModelConnection = None,
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
