from promptflow.core import tool

from bakeoff.hosts import promptflow_multiple_choice
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def choose(
    question: str, options: list, prompt: str, choices: list, model: str, connection: ModelConnection = None
) -> dict:
    """Choose an option: its index `choice`, `answer`, `logprobs`, the `method` and the `completion` record."""
    return promptflow_multiple_choice.choose(
        question=question, options=options, prompt=prompt, choices=choices, model=model, connection=connection
    )
