from promptflow.core import tool

from bakeoff.hosts import promptflow_rag
from bakeoff.hosts.promptflow_types import ModelConnection


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
    connection: ModelConnection = None,
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
