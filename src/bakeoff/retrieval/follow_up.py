"""A follow-up question made one that can be looked up without its conversation."""

from collections.abc import Sequence

from bakeoff.models.base import ChatModel, Completion, Message, Parameters

_INSTRUCTION = (
    "Rewrite the last question of the conversation so that somebody who has not seen the conversation understands it: "
    "put in the names and things it refers to, change nothing else, do not answer it. Write only the question."
)
_MOST_TOKENS = 96


def joined_question(conversation: Sequence[Message]) -> str:
    """The question, those of the two exchanges before it and the last answer, for a search: no model needed.

    conversation: user and assistant messages in turn, ending with the question. What matters most comes first: an
    embedding model reads the beginning of a long text only, and keyword search the first words.
    """
    questions = [message.text.strip() for message in conversation[::-2]]
    answers = [message.text.strip() for message in conversation[-2::-2]]
    return " ".join([*questions[:3], *answers[:1]])


def rewritten_question(conversation: Sequence[Message], model: ChatModel) -> Completion:
    """The question as a model rewrites it; the text is the first line of its answer. Raises as `complete` does."""
    names = {"user": "Customer", "assistant": "Assistant"}
    text = "\n".join(f"{names[message.role]}: {message.text}" for message in conversation if message.role in names)
    parameters = Parameters(max_new_tokens=_MOST_TOKENS, overflow="truncate")
    return model.complete([Message("system", _INSTRUCTION), Message("user", text)], parameters)
