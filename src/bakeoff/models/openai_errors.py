"""What an endpoint's failure means: which errors are answers of a kind, and what a person can do about the others.

No text made here holds a key: everything an endpoint or the SDK said passes through `redact`.
"""

import re
from collections.abc import Collection
from json import JSONDecodeError
from typing import Any

from bakeoff.errors import EndpointError, UnreachableError
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.openai_answer import describe_categories, filtered_categories

SHOWN_CHARACTERS = 300
FILTER_CODES = ("content_filter", "ResponsibleAIPolicyViolation", "content_policy_violation")
TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context (size|window)", re.IGNORECASE
)
UNSUPPORTED = re.compile(
    r"(un|not |n't )support|unrecognized|unknown|unexpected|extra (input|field)|not (permitted|allowed)|"
    r"only the default",
    re.IGNORECASE,
)
INVALID_SCHEMA = re.compile(r"invalid[ _](json[ _])?schema", re.IGNORECASE)  # this one, not any
RETIRED = re.compile(r"deprecat|retired|no longer (available|supported)|decommission", re.IGNORECASE)
CREDENTIAL = re.compile(r"bearer\s+\S+|\beyJ[\w-]+\.[\w.-]+|\bsk-[\w*-]+", re.IGNORECASE)


RATE_LIMITED = "the rate limit held through"
"""In the message of each answer 429 that no retry could help."""


class InterruptedAnswerError(EndpointError):
    """The answer had begun and then broke off."""


def redact(text: str, secrets: Collection[str]) -> str:
    """The text with the given secrets, bearer tokens and OpenAI keys (also half-masked ones) replaced by stars."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return CREDENTIAL.sub("***", text)


def rejected_parameter(error: Exception, sent: Collection[str]) -> str | None:
    """Which of the `sent` parameters an answer 400 or 422 calls unsupported."""
    if getattr(error, "status_code", None) not in (400, 422):
        return None
    text = _server_text(error)
    is_unsupported = UNSUPPORTED.search(text) or str(getattr(error, "code", "")).startswith("unsupported")
    if INVALID_SCHEMA.search(text) or not is_unsupported:
        return None
    named = getattr(error, "param", None)
    if named in sent:
        return str(named)
    return next((name for name in sent if re.search(rf"\b{name}\b", text)), None)


def filtered_prompt(error: Exception) -> str | None:
    """Which categories made the content filter refuse the prompt; None for any other error."""
    body = getattr(error, "body", None)
    body = body if isinstance(body, dict) else {}
    inner = body.get("innererror")
    inner = inner if isinstance(inner, dict) else {}
    if body.get("code") not in FILTER_CODES and inner.get("code") not in FILTER_CODES:
        return None
    categories = filtered_categories(inner.get("content_filter_result") or inner.get("content_filter_results"))
    return "the endpoint's content filter refused the prompt" + describe_categories(categories)


def is_prompt_too_long(error: Exception) -> bool:
    """Whether the endpoint says that the prompt does not fit into the model's context."""
    said = f"{getattr(error, 'code', '')} {getattr(error, 'type', '')} {_server_text(error)}"
    return getattr(error, "status_code", None) in (400, 413, 422) and TOO_LONG.search(said) is not None


def endpoint_error(
    error: Exception, endpoint: Endpoint, model: str, kind: type[EndpointError] = EndpointError
) -> EndpointError:
    """The failure in words: which endpoint and deployment, what happened, and what to do.

    model: empty where the request was about none. kind: of the error; where no answer came at all it is
    UnreachableError instead of EndpointError.
    """
    import openai

    status = _status(error)
    if isinstance(error, openai.APIConnectionError) and kind is EndpointError:
        kind = UnreachableError
    if isinstance(error, openai.APITimeoutError):
        happened = f"no answer within {endpoint.timeout:g} s"
        advice = "the endpoint is overloaded or slow: raise the timeout or send fewer rows at once"
    elif isinstance(error, openai.APIConnectionError):
        happened = f"no connection ({error.__cause__ or error})"
        advice = f"check the address in {endpoint.source}, that the server runs, and proxy or firewall"
    elif status is not None:
        happened = f"HTTP {status}: {_server_text(error) or 'no explanation'}"
        advice = _advice(status, error, endpoint)
    elif isinstance(error, openai.APIError):
        happened = f"an error within the answer: {_server_text(error) or error}"
        advice = "try again; if it stays, look at the server's log"
    else:
        happened = f"an answer that cannot be read ({error})"
        advice = "the server does not speak the OpenAI protocol, or something between cut the answer"
    noun = "deployment" if endpoint.kind == "azure_openai" else "model"
    where = f"{endpoint.host}, {noun} {model!r}" if model else endpoint.host
    said = redact(" ".join(happened.split()), endpoint.secrets)
    shortened = said if len(said) <= SHOWN_CHARACTERS else said[:SHOWN_CHARACTERS] + "..."
    return kind(
        redact(f"{where}: {shortened}. What to do: {advice}", endpoint.secrets),
        status=status,
        retryable=_retryable(status, error),
    )


def too_slow(endpoint: Endpoint, model: str) -> EndpointError:
    """The failure of an answer that keeps coming, but is not there at the deadline; another try would be as slow."""
    return EndpointError(
        f"{endpoint.host}, model {model!r}: the answer was not finished within {endpoint.deadline:g} s. What to do: "
        "lower max_new_tokens, or raise the deadline (configs.deadline of a custom connection) and Prompt Flow's time "
        "for a line (PF_LINE_TIMEOUT_SEC)"
    )


def _advice(status: int, error: Exception, endpoint: Endpoint) -> str:
    if is_prompt_too_long(error):
        return "shorten the prompt, or let the oldest turns be dropped (overflow='truncate')"
    if re.search(r"api.?version", _server_text(error), re.IGNORECASE):
        return f"set another api_version in {endpoint.source} (now {endpoint.api_version or 'none'})"
    if status == 401 and endpoint.kind == "azure_openai" and endpoint.api_key is None:
        return "sign in with `az login` to the right tenant; the role is Cognitive Services OpenAI User"
    if status == 401:
        return f"check that the api_key in {endpoint.source} is valid and belongs to this endpoint"
    if status == 403:
        return "ask for the role Cognitive Services OpenAI User and check the resource's network and region rules"
    if status == 410 or (status in (400, 404) and RETIRED.search(_server_text(error))):
        return "the model was retired: deploy or name one of today's"
    if status == 404 and endpoint.kind == "azure_openai":
        return (
            "check the deployment's name, that its model was not retired, that the address is "
            f"https://<your-resource>.openai.azure.com, and the api_version (now {endpoint.api_version or 'none'})"
        )
    if status == 404:
        return "check the model's name, and that the address ends as the server wants it (mostly in /v1)"
    if status == 429 and getattr(error, "code", None) == "insufficient_quota":
        return "the account has no credit left: check plan and billing"
    if status == 429:
        return (
            f"{RATE_LIMITED} {endpoint.max_retries} retries{_retry_after(error)}: send fewer rows at once "
            "(PF_WORKER_COUNT), or raise the deployment's tokens a minute"
        )
    if status >= 500 or status in (408, 409):
        return f"the service failed through {endpoint.max_retries} retries: try again later"
    return "change what the endpoint complains about"


def _retry_after(error: Exception) -> str:
    wait = error.response.headers.get("retry-after") if hasattr(error, "response") else None
    return f" (Retry-After: {wait} s)" if wait else ""


def _retryable(status: int | None, error: Exception) -> bool:
    if getattr(error, "code", None) == "insufficient_quota":
        return False
    if isinstance(error, ValueError):
        return isinstance(error, JSONDecodeError)
    return status is None or status in (408, 409, 429) or status >= 500


def _status(error: Exception) -> int | None:
    """The HTTP status, or the one that an error event within a stream carries as its code."""
    status = getattr(error, "status_code", None)
    code = str(getattr(error, "code", None))
    return status if status is not None else int(code) if re.fullmatch(r"[45]\d\d", code) else None


def _server_text(error: Exception) -> str:
    """What the endpoint said in words: its message, and the places that a validation error points at."""
    body = getattr(error, "body", None)
    if not isinstance(body, dict):
        return body if isinstance(body, str) else ""
    details = body.get("details") or body.get("detail")
    texts: list[Any] = [body.get("message") or body.get("error")]
    if isinstance(details, list):
        for detail in details:
            if isinstance(detail, dict):
                texts += [detail.get("loc"), detail.get("msg") or detail.get("message")]
    else:
        texts.append(details)
    return " ".join(str(text) for text in texts if text)
