"""Azure AI Content Safety behind a Prompt Flow connection: how severe the harms in a text are."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bakeoff.content_safety import analyse_text, content_safety_target

NAMES: Mapping[str, str] = {"Hate": "hate", "SelfHarm": "self_harm", "Sexual": "sexual", "Violence": "violence"}
MOST_CHARACTERS = 10_000
"""Of one request, as the service documents it; a longer text is looked at in pieces."""
TRIES = 4


def severities_from(connection: Any) -> Callable[[str], Mapping[str, int]] | None:
    """What gives the severities of a text by harm; None without a connection."""
    return None if connection is None else partial(severities, connection)


def severities(connection: Any, text: str) -> dict[str, int]:
    """The worst severity (0, 2, 4 or 6) of each harm in the text, by `NAMES`.

    connection: an AzureContentSafetyConnection. A rate limit and a server's failure are tried again. Raises
    EndpointError where the service gives no answer, InputError for a connection that cannot work; the key is in no
    message.
    """
    target = content_safety_target(connection)
    worst: dict[str, int] = {}
    for start in range(0, len(text), MOST_CHARACTERS):
        for category, severity in analyse_text(target, text[start : start + MOST_CHARACTERS], tries=TRIES).items():
            if name := NAMES.get(category):
                worst[name] = max(severity, worst.get(name, 0))
    return worst
