"""Azure AI Content Safety behind a Prompt Flow connection: how severe the harms in a text are."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx2

from bakeoff.errors import EndpointError

NAMES: Mapping[str, str] = {"Hate": "hate", "SelfHarm": "self_harm", "Sexual": "sexual", "Violence": "violence"}
API_VERSION = "2024-09-01"
MOST_CHARACTERS = 10_000
"""Of one request, as the service documents it; a longer text is looked at in pieces."""
TRIES = 4


def severities_from(connection: Any) -> Callable[[str], Mapping[str, int]] | None:
    """What gives the severities of a text by harm; None without a connection."""
    return None if connection is None else partial(severities, connection)


def severities(connection: Any, text: str) -> dict[str, int]:
    """The worst severity (0, 2, 4 or 6) of each harm in the text, by `NAMES`.

    connection: an AzureContentSafetyConnection. A rate limit and a server's failure are tried again. Raises
    EndpointError where the service gives no answer; the key is in no message.
    See https://learn.microsoft.com/rest/api/contentsafety/text-operations/analyze-text.
    """
    worst: dict[str, int] = {}
    for start in range(0, len(text), MOST_CHARACTERS):
        for found in _analyse(connection, text[start : start + MOST_CHARACTERS]):
            name = NAMES.get(str(found.get("category")))
            if name and isinstance(severity := found.get("severity"), int):
                worst[name] = max(severity, worst.get(name, 0))
    return worst


def _analyse(connection: Any, text: str) -> list[Mapping[str, Any]]:
    address = f"{connection.endpoint.rstrip('/')}/contentsafety/text:analyze"
    version = connection.api_version if (connection.api_version or "") >= "2023-10-01" else API_VERSION
    headers = {"Ocp-Apim-Subscription-Key": connection.api_key}
    response = None
    for attempt in range(TRIES):
        try:
            response = httpx2.post(
                address, params={"api-version": version}, headers=headers, json={"text": text}, timeout=30
            )
        except httpx2.HTTPError as error:
            raise EndpointError(f"{address}: {type(error).__name__}", retryable=True) from None
        if response.status_code != 429 and response.status_code < 500:
            break
        if attempt + 1 < TRIES:
            time.sleep(min(float(response.headers.get("Retry-After") or 2**attempt), 30))
    assert response is not None
    if response.status_code != 200:
        raise EndpointError(f"{address} answered HTTP {response.status_code}", status=response.status_code)
    analysis = response.json().get("categoriesAnalysis")
    if not isinstance(analysis, list):
        raise EndpointError(f"{address} answered without categoriesAnalysis", status=200)
    return analysis
