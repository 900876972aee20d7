"""What a failure of Azure AI Search means and what a person can do about it; no text made here holds a key."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from bakeoff.errors import EndpointError, SignInError, UnreachableError
from bakeoff.models.openai_errors import SHOWN_CHARACTERS, redact
from bakeoff.retrieval.azure_search_target import AzureSearchTarget


@contextmanager
def failures_in_words(target: AzureSearchTarget, index: str) -> Iterator[None]:
    """Turns what the SDK raises into EndpointError."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, json.JSONDecodeError) as error:
        raise _in_words(error, target, index) from None


def failure(
    target: AzureSearchTarget,
    index: str,
    happened: str,
    advice: str,
    status: int | None,
    kind: type[EndpointError] = EndpointError,
) -> EndpointError:
    """The error that names host and index (empty: the service itself), what happened, and what to do."""
    said = redact(" ".join(happened.split()), [target.api_key] if target.api_key else [])
    shortened = said if len(said) <= SHOWN_CHARACTERS else said[:SHOWN_CHARACTERS] + "..."
    where = f"{target.host}, index {index!r}" if index else target.host
    return kind(f"{where}: {shortened}. What to do: {advice}", status=status, retryable=retryable(status))


def retryable(status: int | None) -> bool:
    """Whether another try may help, for a request or one row of it (422: the index is temporarily unavailable)."""
    return status is None or status in (408, 409, 422, 429) or status >= 500


def _in_words(error: Exception, target: AzureSearchTarget, index: str) -> EndpointError:
    from azure.core.exceptions import (
        ClientAuthenticationError,
        ServiceRequestError,
        ServiceRequestTimeoutError,
        ServiceResponseTimeoutError,
    )

    status: int | None = getattr(error, "status_code", None)
    kind: type[EndpointError] = EndpointError
    if isinstance(error, ServiceRequestTimeoutError | ServiceResponseTimeoutError):
        happened, kind = f"no answer within {target.timeout:g} s", UnreachableError
        advice = "the service is overloaded or out of reach: try again later"
    elif isinstance(error, ServiceRequestError):
        happened, kind = f"no connection ({error})", UnreachableError
        advice = f"check the address in {target.source}, and proxy or firewall"
    elif isinstance(error, ClientAuthenticationError) and status is None:
        happened, kind = f"no Entra ID sign-in works here ({str(error).strip().splitlines()[0]})", SignInError
        advice = "run `az login`, or use a connection with a key"
    elif status is not None and status >= 300:
        said = getattr(getattr(error, "error", None), "message", None) or getattr(error, "reason", None)
        happened, advice = f"HTTP {status}: {said or 'no explanation'}", _advice(status, target)
    else:
        happened, status = f"an answer that cannot be read, or none ({error})", None
        advice = "try again; if it stays, check the address and look for a proxy between"
    return failure(target, index, happened, advice, status, kind)


def _advice(status: int, target: AzureSearchTarget) -> str:
    if status in (401, 403) and target.api_key is None:
        return (
            "sign in with `az login`, switch role-based access on at the service, and ask for the roles Search Index "
            "Data Reader (to search) or Search Service Contributor and Search Index Data Contributor (to index)"
        )
    if status in (401, 403):
        return (
            f"check that the api_key in {target.source} belongs to this service (an admin key to index, a query key "
            "is enough to search) and that its firewall lets this machine in"
        )
    if status == 404:
        return "check the address and the index's name, or make it by `bakeoff index DOCS --engine azure-search`"
    if status == 429:
        return f"a quota or rate limit held through {target.max_retries} retries: send less at once, or scale it up"
    if status >= 500 or status in (408, 409):
        return f"the service failed through {target.max_retries} retries: try again later, or scale it up"
    return f"change what the service complains about (api_version is {target.api_version})"
