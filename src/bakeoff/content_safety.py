"""Azure AI Content Safety: where it is, and one text analysed."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bakeoff.errors import EndpointError, InputError, UnreachableError
from bakeoff.models.check import Step, passed, stopped
from bakeoff.models.endpoint import check_header_value, connection_key
from bakeoff.models.openai_errors import SHOWN_CHARACTERS, redact

if TYPE_CHECKING:
    import httpx2

API_VERSION = "2024-09-01"
CONNECTION = "AzureContentSafetyConnection"


@dataclass(frozen=True)
class ContentSafetyTarget:
    """One Content Safety resource.

    endpoint: https://<your-resource>.cognitiveservices.azure.com. timeout: seconds without a byte. source: where this
    came from, for messages. Raises InputError for an address or a key that cannot work.
    """

    endpoint: str
    api_key: str = field(repr=False)
    api_version: str = API_VERSION
    source: str = "Azure AI Content Safety"

    def __post_init__(self) -> None:
        url = self.endpoint.strip().rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or "<" in url:
            raise InputError(
                f"{self.source}: the address must look like https://<your-resource>.cognitiveservices.azure.com, with "
                "nothing behind it"
            )
        if parts.username or parts.password:
            raise InputError(f"{self.source}: the address may hold no user name or password")
        check_header_value("api_key", self.api_key, self.source)
        object.__setattr__(self, "endpoint", url)

    @property
    def host(self) -> str:
        """The host (and port) for messages."""
        return urlsplit(self.endpoint).netloc


def content_safety_target(connection: Any) -> ContentSafetyTarget:
    """The resource that an AzureContentSafetyConnection describes, recognised by class name; raises InputError."""
    source = f"connection {getattr(connection, 'name', None) or type(connection).__name__!r}"
    if not any(cls.__name__ == CONNECTION for cls in type(connection).__mro__):
        raise InputError(f"{source} is of type {type(connection).__name__}: use {CONNECTION}")
    key = connection_key(connection.api_key, source)
    return ContentSafetyTarget(connection.endpoint or "", key, connection.api_version or API_VERSION, source)


def analyse_text(target: ContentSafetyTarget, text: str, timeout: float = 60.0, *, tries: int = 1) -> dict[str, int]:
    """Severity (0, 2, 4 or 6) of the text by category (Hate, SelfHarm, Sexual, Violence).

    timeout: seconds without a byte. tries: how often a service that is busy or fails is asked. Raises EndpointError
    where the service fails. See https://learn.microsoft.com/rest/api/contentsafety/text-operations/analyze-text.
    """
    answer = _post(target, text, timeout)
    for attempt in range(tries - 1):
        if not _retryable(answer.status_code):
            break
        time.sleep(_seconds_to_wait(answer.headers.get("Retry-After"), attempt))
        answer = _post(target, text, timeout)
    try:
        body = answer.json()
        if answer.status_code == 200:
            return {str(entry["category"]): int(entry["severity"]) for entry in body["categoriesAnalysis"]}
        said = body["error"]["message"]
    except (ValueError, KeyError, TypeError):
        said = answer.text or "no explanation"
    status = answer.status_code
    raise _failure(target, f"HTTP {status}: {said}", _advice(status, target), status, EndpointError)


def _post(target: ContentSafetyTarget, text: str, timeout: float) -> "httpx2.Response":
    import httpx2

    try:
        return httpx2.post(
            f"{target.endpoint}/contentsafety/text:analyze",
            params={"api-version": target.api_version},
            headers={"Ocp-Apim-Subscription-Key": target.api_key},
            json={"text": text, "outputType": "FourSeverityLevels"},
            timeout=timeout,
        )
    except httpx2.TimeoutException:
        raise _failure(target, f"no answer within {timeout:g} s", "try again later", None, UnreachableError) from None
    except httpx2.HTTPError as error:
        advice = f"check the address in {target.source}, and proxy or firewall"
        raise _failure(target, f"no connection ({error})", advice, None, UnreachableError) from None


def _retryable(status: int | None) -> bool:
    return status is None or status in (408, 429) or status >= 500


def _seconds_to_wait(retry_after: str | None, attempt: int) -> float:
    """What the service asks for, 30 s at most; without a number from it 1, 2, 4, ... s."""
    try:
        return min(max(float(retry_after or ""), 0.0), 30.0)
    except ValueError:
        return min(2.0**attempt, 30.0)


def check_content_safety(target: ContentSafetyTarget, timeout: float = 60.0) -> list[Step]:
    """Whether the resource is reachable, lets this key in and analyses a text. timeout: seconds without a byte."""
    started = time.perf_counter()
    try:
        severities = analyse_text(target, "OK", timeout)
    except EndpointError as error:
        return stopped(error, "resource")
    seconds = time.perf_counter() - started
    return passed("resource", ", ".join(severities), f"{seconds:.2f} s for one text")


def _advice(status: int, target: ContentSafetyTarget) -> str:
    if status in (401, 403):
        return f"check that the api_key in {target.source} belongs to this resource, and its network rules"
    if status == 404:
        return f"check the address, and the api_version in {target.source} (now {target.api_version})"
    if status == 429 or status >= 500:
        return "try again later, or raise the resource's tier"
    return f"change what the service complains about (api_version is {target.api_version})"


def _failure(
    target: ContentSafetyTarget, happened: str, advice: str, status: int | None, kind: type[EndpointError]
) -> EndpointError:
    said = redact(" ".join(happened.split()), [target.api_key])
    shortened = said if len(said) <= SHOWN_CHARACTERS else said[:SHOWN_CHARACTERS] + "..."
    return kind(f"{target.host}: {shortened}. What to do: {advice}", status=status, retryable=_retryable(status))
