"""A follow-up question made one that can be looked up without its conversation."""

from collections.abc import Sequence

from bakeoff.models.base import ChatModel, Completion, Message, Parameters

_INSTRUCTION = (
    "Rewrite the last question of the conversation so that somebody who has not seen the conversation understands it: "
    "put in the names and things it refers to, change nothing else, do not answer it. Write only the question."
)
_MOST_TOKENS = 96


def joined_question(conversation: Sequence[Message]) -> str:
    """The last exchange and the question after it, for a search: no model needed.

    conversation: user and assistant messages in turn, ending with the question.
    """
    return " ".join(message.text.strip() for message in conversation[-3:])


def rewritten_question(conversation: Sequence[Message], model: ChatModel) -> Completion:
    """The question as a model rewrites it; the text is the first line of its answer. Raises as `complete` does."""
    names = {"user": "Customer", "assistant": "Assistant"}
    text = "\n".join(f"{names[message.role]}: {message.text}" for message in conversation if message.role in names)
    parameters = Parameters(max_new_tokens=_MOST_TOKENS, overflow="truncate")
    return model.complete([Message("system", _INSTRUCTION), Message("user", text)], parameters)
