from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_vision

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def look(
    task: str, image: object, model: str, max_new_tokens: int, temperature: float, connection: Connection = None
) -> dict:
    """The whole record of a multimodal model's code for the chart it sees."""
    return promptflow_vision.look(
        system="",
        image=image,
        question=task,
        chat_history=[],
        model=model,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        connection=connection,
    )
