from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_vision

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def look(
    system: str,
    image: object,
    question: str,
    chat_history: list,
    model: str,
    max_new_tokens: int,
    temperature: float,
    detail: str,
    allow_http: bool,
    connection: Connection = None,
) -> dict:
    """The whole record of a multimodal model's answer about the pictures."""
    return promptflow_vision.look(
        system=system,
        image=image,
        question=question,
        chat_history=chat_history,
        model=model,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        detail=detail,
        allow_http=allow_http,
        connection=connection,
    )
