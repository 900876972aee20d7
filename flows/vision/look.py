from promptflow.core import tool

from bakeoff.hosts import promptflow_vision
from bakeoff.hosts.promptflow_types import ModelConnection


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
    connection: ModelConnection = None,
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
