from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_chart_code

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def ask(
    task: str, ocr: dict, model: str, max_new_tokens: int, temperature: float, connection: Connection = None
) -> dict:
    """The whole record of a text model's code for a chart of which it gets the text."""
    return promptflow_chart_code.ask(
        task=task,
        ocr=ocr,
        model=model,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        connection=connection,
    )
