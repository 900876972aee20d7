"""Where an Azure AI Search service is and how to reach it."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bakeoff.errors import InputError
from bakeoff.models.endpoint import check_header_value, connection_key, variable

if TYPE_CHECKING:
    from azure.search.documents import SearchClient
    from azure.search.documents.indexes import SearchIndexClient

API_VERSION = "2025-09-01"  # the first with index descriptions and vector similarities beside hybrid scores
CONNECT_TIMEOUT = 10.0
RETRIED = frozenset({"GET", "POST"})  # every request here may be sent twice; the SDK alone would not repeat a POST
CONNECTIONS = ("AzureAISearchConnection", "CognitiveSearchConnection")


@dataclass(frozen=True)
class AzureSearchTarget:
    """One search service.

    endpoint: https://<your-service>.search.windows.net; http is for servers on this machine only. api_key: None means
    Entra ID. timeout: seconds without a byte. max_retries: after the first try. source: where this came from, for
    messages. Raises InputError for an address or a key that cannot work.
    """

    endpoint: str
    api_key: str | None = field(default=None, repr=False)
    api_version: str = API_VERSION
    timeout: float = 60.0
    max_retries: int = 3
    source: str = "Azure AI Search"

    def __post_init__(self) -> None:
        url = self.endpoint.strip().rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or "<" in url:
            raise InputError(
                f"{self.source}: the address must look like https://<your-service>.search.windows.net, with nothing "
                "behind it"
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InputError(f"{self.source}: the address may hold no user name, password, query or fragment")
        if parts.scheme == "http" and not (self.api_key and _is_this_machine(parts.hostname)):
            raise InputError(f"{self.source}: {parts.netloc} by http would send the credential readably: use https")
        check_header_value("api_key", self.api_key, self.source)
        object.__setattr__(self, "endpoint", url)

    @property
    def host(self) -> str:
        """The host (and port) for messages."""
        return urlsplit(self.endpoint).netloc

    def index_client(self) -> "SearchIndexClient":
        """The SDK's client for index definitions; nothing is sent yet."""
        from azure.search.documents.indexes import SearchIndexClient

        return SearchIndexClient(self.endpoint, self._credential(), **self._options())

    def client(self, index: str) -> "SearchClient":
        """The SDK's client for the documents of one index; nothing is sent yet."""
        from azure.search.documents import SearchClient

        return SearchClient(self.endpoint, index, self._credential(), **self._options())

    def _credential(self) -> Any:
        from azure.core.credentials import AzureKeyCredential
        from azure.identity import DefaultAzureCredential

        return AzureKeyCredential(self.api_key) if self.api_key else DefaultAzureCredential()

    def _options(self) -> dict[str, Any]:
        """No redirects: the SDK would take the header `api-key` along to another host."""
        return {
            "api_version": self.api_version,
            "connection_timeout": min(self.timeout, CONNECT_TIMEOUT),
            "read_timeout": self.timeout,
            "retry_total": self.max_retries,
            "permit_redirects": False,
        }


def search_target(connection: Any = None) -> AzureSearchTarget:
    """The service that a Prompt Flow connection describes; None means environment variables.

    Accepts CognitiveSearchConnection (`auth_mode` key or meid_token) and AzureAISearchConnection, recognised by class
    name; an api_version older than API_VERSION (Prompt Flow fills in 2023-11-01) is replaced by that. Variables:
    AZURE_SEARCH_ENDPOINT, AZURE_SEARCH_API_KEY (absent: Entra ID). Raises InputError for anything else or for
    missing values.
    """
    if connection is None:
        endpoint = variable("AZURE_SEARCH_ENDPOINT")
        if not endpoint:
            raise InputError(
                "no search service is set: give a connection, or set AZURE_SEARCH_ENDPOINT to "
                "https://<your-service>.search.windows.net"
            )
        source = "environment (AZURE_SEARCH_*)"
        return AzureSearchTarget(endpoint, variable("AZURE_SEARCH_API_KEY"), source=source)
    source = f"connection {getattr(connection, 'name', None) or type(connection).__name__!r}"
    if not any(cls.__name__ in CONNECTIONS for cls in type(connection).__mro__):
        raise InputError(f"{source} is of type {type(connection).__name__}: use one of {', '.join(CONNECTIONS)}")
    entra = connection.auth_mode == "meid_token"
    return AzureSearchTarget(
        connection.api_base or "",
        None if entra else connection_key(connection.api_key, source),
        api_version=max(connection.api_version or "", API_VERSION),
        source=source,
    )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
