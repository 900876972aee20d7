from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_extract

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def extract(
    system: str,
    message: str,
    model: str,
    shots: int,
    shots_by: str,
    max_new_tokens: int,
    connection: Connection = None,
) -> dict:
    """What the message wants: `answer`, the JSON text, and `completion`, its whole record."""
    return promptflow_extract.extract(
        system=system,
        message=message,
        model=model,
        shots=shots,
        shots_by=shots_by,
        max_new_tokens=max_new_tokens,
        connection=connection,
    )
