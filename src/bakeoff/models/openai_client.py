"""The `openai` SDK client of an endpoint, with key or Entra ID authentication."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bakeoff.errors import SignInError
from bakeoff.models.endpoint import Endpoint

if TYPE_CHECKING:
    from openai import OpenAI

ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"
CONNECT_TIMEOUT = 10.0
NO_KEY = "no-key-needed"


def connect(endpoint: Endpoint) -> "OpenAI":
    """A client for the endpoint; nothing is sent yet.

    Every value is given explicitly: left out, the SDK would take addresses, keys and organisations of another account
    from the environment. The SDK repeats refused connections, timeouts and answers 408, 409, 429 and 5xx
    `max_retries` times, after what Retry-After asks for (if that is under two minutes) or a growing pause.
    """
    import openai

    timeout = openai.Timeout(endpoint.timeout, connect=min(endpoint.timeout, CONNECT_TIMEOUT))
    unset = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
    headers = {**unset, **endpoint.headers}
    if endpoint.kind == "azure_openai" and not endpoint.is_azure_v1:
        return openai.AzureOpenAI(
            azure_endpoint=endpoint.base_url,
            api_version=endpoint.api_version,
            api_key=endpoint.api_key,
            azure_ad_token_provider=None if endpoint.api_key else entra_token_provider(),
            timeout=timeout,
            max_retries=endpoint.max_retries,
            default_headers=headers,  # type: ignore[arg-type]  # the SDK drops a header that is Omit
        )
    with_entra = endpoint.kind == "azure_openai" and not endpoint.api_key
    with_version = endpoint.api_version and not endpoint.is_azure_v1
    return openai.OpenAI(
        base_url=endpoint.base_url,
        api_key=entra_token_provider() if with_entra else endpoint.api_key or NO_KEY,
        timeout=timeout,
        max_retries=endpoint.max_retries,
        default_headers=headers,  # type: ignore[arg-type]
        default_query={"api-version": endpoint.api_version} if with_version else None,
    )


def entra_token_provider() -> Callable[[], str]:
    """A function that returns a fresh Entra ID token for Azure OpenAI, by azure-identity's DefaultAzureCredential.

    The function raises SignInError where nobody is signed in.
    """
    from azure.core.exceptions import AzureError
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    get_token = get_bearer_token_provider(DefaultAzureCredential(), ENTRA_SCOPE)

    def token() -> str:
        try:
            return get_token()
        except AzureError as error:
            reason = str(error).strip().splitlines()[0]
        raise SignInError(
            f"no Entra ID sign-in works here ({reason}): run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
            "AZURE_CLIENT_SECRET, or use a connection with a key"
        )

    return token
