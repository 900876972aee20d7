from promptflow.core import tool

from bakeoff.hosts import promptflow_rag
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def pack(
    passages: list,
    enough: bool,
    model: str,
    max_passage_tokens: int,
    max_passages: int,
    connection: ModelConnection = None,
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
