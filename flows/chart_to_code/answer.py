from promptflow.core import tool

from bakeoff.hosts import promptflow_vision


@tool
def answer(sees: bool, looked: dict = None, ocr: dict = None, asked: dict = None) -> dict:  # noqa: RUF013  (Prompt Flow reads types)
    """The code of whichever way was taken, and what it was written from."""
    return promptflow_vision.answer(looked if sees else None, ocr, None, asked)
