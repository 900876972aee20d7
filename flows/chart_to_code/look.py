from promptflow.core import tool

from bakeoff.hosts import promptflow_vision
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def look(
    task: str, image: object, model: str, max_new_tokens: int, temperature: float, connection: ModelConnection = None
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
