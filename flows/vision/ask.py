from promptflow.core import tool

from bakeoff.hosts import promptflow_vision
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def ask(
    system: str,
    question: str,
    chat_history: list,
    ocr: dict,
    model: str,
    max_new_tokens: int,
    temperature: float,
    connection: ModelConnection = None,
) -> dict:
    """The whole record of a text model's answer from what OCR read."""
    return promptflow_vision.ask(
        system=system,
        question=question,
        chat_history=chat_history,
        ocr=ocr,
        model=model,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        connection=connection,
    )
