from promptflow.core import tool

from bakeoff.hosts.promptflow_chat import chat_turn
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def chat(
    system: str,
    question: str,
    chat_history: list,
    model: str,
    max_new_tokens: int,
    temperature: float,
    connection: ModelConnection = None,
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
