from promptflow.core import tool

from bakeoff.hosts import promptflow_vision


@tool
def extract(question: str, ocr: dict) -> dict:
    """The field that the question names, if there is one."""
    return promptflow_vision.extract(question, ocr)
