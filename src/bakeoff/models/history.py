"""Shortening a conversation that does not fit into a model's context."""

from collections.abc import Sequence

from bakeoff.models.base import Message


def without_oldest_turn(messages: Sequence[Message]) -> list[Message]:
    """The messages without their oldest history turn; unchanged when nothing is left but system messages and the last.

    The assistant's reply goes with the user's turn, so that a conversation never starts with a reply.
    """
    kept = list(messages)
    oldest = next((i for i, message in enumerate(kept[:-1]) if message.role != "system"), None)
    if oldest is not None:
        del kept[oldest]
        while oldest < len(kept) - 1 and kept[oldest].role == "assistant":
            del kept[oldest]
    return kept
