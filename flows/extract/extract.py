from promptflow.core import tool

from bakeoff.hosts import promptflow_extract
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def extract(
    system: str,
    message: str,
    model: str,
    shots: int,
    shots_by: str,
    max_new_tokens: int,
    connection: ModelConnection = None,
) -> dict:
    """What the message wants: `answer`, the JSON text, and `completion`, its whole record."""
    return promptflow_extract.extract(
        system=system,
        message=message,
        model=model,
        shots=shots,
        shots_by=shots_by,
        max_new_tokens=max_new_tokens,
        connection=connection,
    )
