"""Where a remote model answers and how to reach it: from a Prompt Flow connection or from environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from bakeoff.errors import InputError

Kind = Literal["azure_openai", "openai", "serverless"]

OPENAI_URL = "https://api.openai.com/v1"
AZURE_API_VERSION = "2024-10-21"
HEADER_PREFIX = "header_"
API_TYPES: Mapping[str, Kind] = {"azure": "azure_openai", **{kind: kind for kind in get_args(Kind)}}


@dataclass(frozen=True)
class Endpoint:
    """One model endpoint.

    kind: `azure_openai`, `openai` (OpenAI itself or any server that speaks its protocol) or `serverless` (Azure).
    api_key: None means Entra ID for `azure_openai` and no key for a local server. api_version: of the Azure service.
    headers: sent with every request. model: the deployment or model asked for when a caller names none.
    timeout: seconds without a byte from the endpoint. max_retries: after the first try. deadline: seconds for one
    answer with all its tries, after which nothing is tried again and an answer that still trickles in is given up;
    with the defaults that is before Prompt Flow's ten minutes for a line, whose row would be lost. source: where this
    came from, for messages. Raises InputError for an address or a key that cannot work.
    """

    kind: Kind
    base_url: str = OPENAI_URL
    api_key: str | None = field(default=None, repr=False)
    api_version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    model: str = ""
    timeout: float = 120.0
    max_retries: int = 3
    deadline: float = 450.0
    source: str = "endpoint"

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", _normalised_url(self.kind, self.base_url, self.source))
        for name, secret in (("api_key", self.api_key), *self.headers.items()):
            check_header_value(name, secret, self.source)
        if self.api_key is None and (self.kind == "serverless" or self.is_openai_platform):
            raise InputError(f"{self.source}: {self.host} needs an API key and none is set")
        if not (self.timeout > 0 and self.deadline > 0) or self.max_retries < 0:
            raise InputError(
                f"{self.source}: timeout is {self.timeout}, deadline {self.deadline} and max_retries "
                f"{self.max_retries}: use more than 0 seconds and 0 or more retries"
            )

    @property
    def host(self) -> str:
        """The host (and port) for messages."""
        return urlsplit(self.base_url).netloc

    @property
    def is_openai_platform(self) -> bool:
        """Whether this is OpenAI's own service and not a server that speaks its protocol."""
        host = urlsplit(self.base_url).hostname or ""
        return self.kind == "openai" and (host == "openai.com" or host.endswith(".openai.com"))

    @property
    def is_azure_v1(self) -> bool:
        """Whether the address is Azure's version-less `/openai/v1` route, which takes no deployment in its path."""
        return urlsplit(self.base_url).path.endswith("/openai/v1")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown."""
        return tuple(text for text in (self.api_key, *self.headers.values()) if text)


def endpoint_from_connection(connection: Any = None) -> Endpoint:
    """The endpoint that a Prompt Flow connection describes; None means environment variables.

    Accepts AzureOpenAIConnection (`auth_mode` key or meid_token), OpenAIConnection, ServerlessConnection and
    CustomConnection, recognised by class name. A CustomConnection has configs base_url, model, api_type (azure,
    openai or serverless; openai when absent), api_version, timeout, max_retries and deadline, secrets api_key, and in
    either of them `header_<Name>` for a header to send. Raises InputError for anything else or for missing values.
    """
    if connection is None:
        return endpoint_from_environment()
    source = f"connection {getattr(connection, 'name', None) or type(connection).__name__!r}"
    for cls in type(connection).__mro__:
        if cls.__name__ in _READERS:
            return _READERS[cls.__name__](connection, source)
    raise InputError(
        f"{source} is of type {type(connection).__name__}: use one of {', '.join(sorted(_READERS))}, "
        "or no connection and environment variables"
    )


def endpoint_from_environment(kind: Kind | None = None) -> Endpoint:
    """The endpoint that environment variables describe.

    azure_openai: AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY (absent: Entra ID), AZURE_OPENAI_API_VERSION or
    OPENAI_API_VERSION, AZURE_OPENAI_DEPLOYMENT. openai: OPENAI_BASE_URL (absent: OpenAI itself), OPENAI_API_KEY (not
    needed by local servers), OPENAI_ORG_ID, OPENAI_MODEL. Without `kind` the first of the two that is set.
    Raises InputError naming the variable that is missing.
    """
    if kind == "serverless":
        raise InputError("a serverless endpoint by environment: set OPENAI_BASE_URL=https://.../v1 and OPENAI_API_KEY")
    if kind == "azure_openai" or (kind is None and variable("AZURE_OPENAI_ENDPOINT")):
        base_url = variable("AZURE_OPENAI_ENDPOINT")
        if not base_url:
            raise InputError("AZURE_OPENAI_ENDPOINT is not set: https://<your-resource>.openai.azure.com/")
        return Endpoint(
            "azure_openai",
            base_url,
            variable("AZURE_OPENAI_API_KEY"),
            api_version=variable("AZURE_OPENAI_API_VERSION") or variable("OPENAI_API_VERSION") or AZURE_API_VERSION,
            model=variable("AZURE_OPENAI_DEPLOYMENT") or "",
            source="environment (AZURE_OPENAI_*)",
        )
    base_url, api_key = variable("OPENAI_BASE_URL"), variable("OPENAI_API_KEY")
    if not (base_url or api_key):
        also = "" if kind else "AZURE_OPENAI_ENDPOINT (Azure OpenAI), "
        raise InputError(
            f"no connection was given and no endpoint is set: set {also}OPENAI_API_KEY (OpenAI) "
            "or OPENAI_BASE_URL (a compatible server, for example http://127.0.0.1:11434/v1)"
        )
    return Endpoint(
        "openai",
        base_url or OPENAI_URL,
        api_key,
        headers=_organization(variable("OPENAI_ORG_ID")),
        model=variable("OPENAI_MODEL") or "",
        source="environment (OPENAI_*)",
    )


def _azure_openai(connection: Any, source: str) -> Endpoint:
    entra = connection.auth_mode == "meid_token"
    return Endpoint(
        "azure_openai",
        connection.api_base or "",
        None if entra else connection_key(connection.api_key, source),
        api_version=connection.api_version or AZURE_API_VERSION,
        source=source,
    )


def _openai(connection: Any, source: str) -> Endpoint:
    return Endpoint(
        "openai",
        connection.base_url or OPENAI_URL,
        connection_key(connection.api_key, source),
        headers=_organization(connection.organization),
        source=source,
    )


def _serverless(connection: Any, source: str) -> Endpoint:
    return Endpoint("serverless", connection.api_base or "", connection_key(connection.api_key, source), source=source)


def _custom(connection: Any, source: str) -> Endpoint:
    configs, secrets = dict(connection.configs), dict(connection.secrets)
    api_type = configs.get("api_type") or "openai"
    if api_type not in API_TYPES:
        raise InputError(f"{source}: configs.api_type is {api_type!r}: use azure, openai or serverless")
    if not configs.get("base_url"):
        raise InputError(f"{source}: configs.base_url is missing: the address of the endpoint")
    kind = API_TYPES[api_type]
    model = configs.get("model") or ""
    headers = {
        name.removeprefix(HEADER_PREFIX): value
        for name, value in (configs | secrets).items()
        if name.startswith(HEADER_PREFIX)
    }
    return Endpoint(
        kind,
        configs["base_url"],
        connection_key(secrets["api_key"], source) if "api_key" in secrets else None,
        api_version=configs.get("api_version") or (AZURE_API_VERSION if kind == "azure_openai" else ""),
        headers=headers,
        model="" if "<" in model else model,
        timeout=_number(configs, "timeout", Endpoint.timeout, source),
        max_retries=int(_number(configs, "max_retries", Endpoint.max_retries, source)),
        deadline=_number(configs, "deadline", Endpoint.deadline, source),
        source=source,
    )


_READERS = {
    "AzureOpenAIConnection": _azure_openai,
    "OpenAIConnection": _openai,
    "ServerlessConnection": _serverless,
    "CustomConnection": _custom,
}


def variable(name: str) -> str | None:
    """An environment variable without the spaces around it; None where it is unset or empty."""
    return os.environ.get(name, "").strip() or None


def _organization(value: str | None) -> dict[str, str]:
    return {"OpenAI-Organization": value} if value else {}


def _number(configs: Mapping[str, str], name: str, default: float, source: str) -> float:
    try:
        return float(configs.get(name) or default)
    except ValueError:
        raise InputError(f"{source}: configs.{name} is {configs[name]!r}, not a number") from None


def connection_key(value: str | None, source: str) -> str:
    """The key of a connection, without the spaces around it.

    Raises InputError, naming `source`, where it has no value: Prompt Flow stores placeholders, and shows stars where
    it withholds the value.
    """
    key = (value or "").strip()
    if not key.strip("*") or (key.startswith("<") and key.endswith(">")):
        raise InputError(
            f"{source}: api_key has no value: set it with `pf connection update --name ... --set api_key=...`"
        )
    return key


def check_header_value(name: str, value: str | None, source: str) -> None:
    """Raises InputError, naming `source` and `name` but not the value, for one that HTTP cannot carry."""
    if value is not None and (
        not value.strip() or value != value.strip() or not (value.isascii() and value.isprintable())
    ):
        raise InputError(f"{source}: {name} is empty or has spaces around it, line breaks or non-ASCII characters")


def _normalised_url(kind: Kind, url: str, source: str) -> str:
    url = url.strip().rstrip("/").removesuffix("/chat/completions")
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(f"{source}: the address may hold no user name, password, query or fragment")
    if parts.scheme not in ("http", "https") or not parts.hostname or "<" in url:
        raise InputError(f"{source}: {url!r} is no address: it must look like https://host or http://host:port/v1")
    if kind == "azure_openai":
        if "/openai/deployments" in parts.path:
            raise InputError(
                f"{source}: the address must end before /openai/deployments; the deployment is named by `model`"
            )
        return url.removesuffix("/openai")
    if kind == "serverless" and not parts.path.endswith("/v1"):
        if parts.path.endswith("/models"):
            raise InputError(
                f"{source}: the /models route does not speak the OpenAI protocol: use https://{parts.netloc}/openai/v1"
            )
        return url + "/v1"
    return url
