from typing import Union

from promptflow.connections import AzureOpenAIConnection, CustomConnection, OpenAIConnection, ServerlessConnection
from promptflow.core import tool

from bakeoff.hosts import promptflow_rag

# Prompt Flow knows connections in a typing.Union only: with X | Y no connection could be chosen.
Connection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007


@tool
def answer(
    system: str,
    question: str,
    chat_history: list,
    passages: list,
    problem: str,
    model: str,
    max_new_tokens: int,
    temperature: float,
    connection: Connection = None,
) -> dict:
    """The whole record of the model's answer from the numbered passages."""
    return promptflow_rag.answer(
        system=system,
        question=question,
        chat_history=chat_history,
        passages=passages,
        problem=problem,
        model=model,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        connection=connection,
    )
