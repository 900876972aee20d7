from promptflow.core import tool

from bakeoff.hosts import promptflow_vision
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def sees(model: str, sees: str, connection: ModelConnection = None) -> bool:
    """Whether the model gets the pictures themselves, or else the text that OCR reads in them."""
    return promptflow_vision.sees_images(model, sees, connection)
