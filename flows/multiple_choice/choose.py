from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_multiple_choice

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def choose(question: str, options: list, prompt: str, choices: list, model: str, connection: Connection = None) -> dict:
    """Choose an option: its index `choice`, `answer`, `logprobs`, the `method` and the `completion` record."""
    return promptflow_multiple_choice.choose(
        question=question, options=options, prompt=prompt, choices=choices, model=model, connection=connection
    )
