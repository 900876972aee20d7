from typing import Any

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts.chat import chat_turn

Connection = AzureOpenAIConnection | OpenAIConnection | ServerlessConnection | CustomConnection


@tool
def chat(
    system: str,
    question: str,
    chat_history: Any,
    model: str,
    max_new_tokens: int,
    temperature: float,
    connection: Connection | None = None,
) -> dict:
    """Answer the question within its conversation: `answer`, its text, and `completion`, its whole record."""
    return chat_turn(
        system=system,
        question=question,
        chat_history=chat_history,
        model=model,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        connection=connection,
    )
