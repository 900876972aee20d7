from promptflow.core import tool

from bakeoff.hosts import promptflow_vision


@tool
def ocr(image: object, sees: str, allow_http: bool) -> dict:
    """What OCR reads in the pictures: text, fields, lines with their confidence."""
    return promptflow_vision.read(image, sees, allow_http)
