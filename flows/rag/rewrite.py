from promptflow.core import tool

from bakeoff.hosts import promptflow_rag
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def rewrite(question: str, chat_history: list, how: str, model: str, connection: ModelConnection = None) -> str:
    """The follow-up question as it is searched for."""
    return promptflow_rag.rewrite(question, chat_history, how, model, connection)
