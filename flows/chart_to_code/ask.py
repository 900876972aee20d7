from promptflow.core import tool

from bakeoff.hosts import promptflow_chart_code
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def ask(
    task: str, ocr: dict, model: str, max_new_tokens: int, temperature: float, connection: ModelConnection = None
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
