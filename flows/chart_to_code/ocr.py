from promptflow.core import tool

from bakeoff.hosts import promptflow_vision


@tool
def ocr(image: object) -> dict:
    """The text that OCR reads in the chart."""
    return promptflow_vision.read(image)
