from promptflow.core import tool

from bakeoff.hosts import promptflow_rag


@tool
def cite(question: str, passages: list, put_in: bool, completion: dict = None) -> dict:  # noqa: RUF013  (Prompt Flow reads types)
    """The answer with its citations checked, and put in where the model wrote none."""
    return promptflow_rag.cite(completion, question, passages, put_in)
