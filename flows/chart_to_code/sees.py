from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_vision

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def sees(model: str, sees: str, connection: Connection = None) -> bool:
    """Whether the model gets the pictures themselves, or else the text that OCR reads in them."""
    return promptflow_vision.sees_images(model, sees, connection)
