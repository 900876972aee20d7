from promptflow.core import tool


@tool
def follow_up(chat_history: list) -> bool:
    """Whether the question has a conversation before it."""
    return bool(chat_history)
