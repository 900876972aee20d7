from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_rag

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def rewrite(question: str, chat_history: list, how: str, model: str, connection: Connection = None) -> str:
    """The follow-up question as it is searched for."""
    return promptflow_rag.rewrite(question, chat_history, how, model, connection)
