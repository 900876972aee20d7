"""Endpoints from Prompt Flow's own connection classes and from environment variables."""

import pytest
from promptflow.connections import (
    AzureOpenAIConnection,
    CustomConnection,
    OpenAIConnection,
    SerpConnection,
    ServerlessConnection,
)

from bakeoff.errors import InputError
from bakeoff.models.endpoint import (
    AZURE_API_VERSION,
    OPENAI_URL,
    Endpoint,
    Kind,
    endpoint_from_connection,
    endpoint_from_environment,
)

VARIABLES = (
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_API_VERSION",
    "OPENAI_API_VERSION",
    "AZURE_OPENAI_DEPLOYMENT",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_ORG_ID",
    "OPENAI_MODEL",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_azure_openai_connection_with_a_key() -> None:
    connection = AzureOpenAIConnection(
        name="azure", api_base="https://r.openai.azure.com/", api_key="key-1", api_version="2024-06-01"
    )
    assert endpoint_from_connection(connection) == Endpoint(
        "azure_openai",
        "https://r.openai.azure.com",
        "key-1",
        api_version="2024-06-01",
        source="connection 'azure'",
    )


def test_azure_openai_connection_with_entra_id_has_no_key() -> None:
    connection = AzureOpenAIConnection(api_base="https://r.openai.azure.com", auth_mode="meid_token")
    assert endpoint_from_connection(connection).api_key is None


def test_openai_connection_is_openai_unless_it_has_an_address() -> None:
    plain = endpoint_from_connection(OpenAIConnection(api_key="key-1", organization="org-1"))
    assert (plain.base_url, plain.is_openai_platform) == (OPENAI_URL, True)
    assert plain.headers == {"OpenAI-Organization": "org-1"}
    local = endpoint_from_connection(OpenAIConnection(api_key="none", base_url="http://127.0.0.1:11434/v1/"))
    assert (local.base_url, local.is_openai_platform) == ("http://127.0.0.1:11434/v1", False)


@pytest.mark.parametrize(
    "address", ["https://e.eastus.models.ai.azure.com", "https://e.eastus.models.ai.azure.com/v1/"]
)
def test_serverless_connection_ends_in_v1(address: str) -> None:
    endpoint = endpoint_from_connection(ServerlessConnection(api_key="key-1", api_base=address))
    assert (endpoint.kind, endpoint.base_url) == ("serverless", "https://e.eastus.models.ai.azure.com/v1")


def test_custom_connection_gives_every_field() -> None:
    connection = CustomConnection(
        name="gateway",
        configs={
            "base_url": "https://gateway.example/x/v1/chat/completions",
            "model": "phi",
            "api_type": "openai",
            "api_version": "1",
            "timeout": "7.5",
            "max_retries": "0",
            "deadline": "60",
            "header_X-Team": "blue",
        },
        secrets={"api_key": "key-1", "header_Ocp-Apim-Subscription-Key": "key-2"},
    )
    assert endpoint_from_connection(connection) == Endpoint(
        "openai",
        "https://gateway.example/x/v1",
        "key-1",
        api_version="1",
        headers={"X-Team": "blue", "Ocp-Apim-Subscription-Key": "key-2"},
        model="phi",
        timeout=7.5,
        max_retries=0,
        deadline=60.0,
        source="connection 'gateway'",
    )


def test_custom_connection_can_be_azure() -> None:
    connection = CustomConnection(
        configs={"base_url": "https://r.openai.azure.com", "api_type": "azure"}, secrets={"api_key": "key-1"}
    )
    endpoint = endpoint_from_connection(connection)
    assert (endpoint.kind, endpoint.api_version) == ("azure_openai", AZURE_API_VERSION)


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ({}, r"configs\.base_url is missing"),
        ({"base_url": "https://x/v1", "api_type": "aws"}, r"api_type is 'aws'"),
        ({"base_url": "https://x/v1", "timeout": "soon"}, r"configs\.timeout is 'soon', not a number"),
        ({"base_url": "https://x/v1", "timeout": "-1"}, r"timeout is -1"),
    ],
)
def test_a_wrong_custom_connection_says_which_field(configs: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=rf"connection 'mine'.*{message}"):
        endpoint_from_connection(CustomConnection(name="mine", configs=configs, secrets={"api_key": "key-1"}))


@pytest.mark.parametrize("withheld", ["", "******", "<user-input>", "<your-key>"])
def test_a_connection_without_its_secret_is_an_input_error(withheld: str) -> None:
    with pytest.raises(InputError, match="connection 'mine': api_key has no value"):
        endpoint_from_connection(OpenAIConnection(name="mine", api_key=withheld))


def test_another_connection_type_is_an_input_error() -> None:
    with pytest.raises(InputError, match="SerpConnection: use one of AzureOpenAIConnection"):
        endpoint_from_connection(SerpConnection(api_key="key-1"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "r.openai.azure.com",
        "https://<your-resource>.openai.azure.com",
        "https://user:password@r.openai.azure.com",
        "https://r.openai.azure.com/?api-version=1",
        "https://r.openai.azure.com/openai/deployments/d",
    ],
)
def test_a_wrong_address_is_an_input_error_that_shows_no_password(address: str) -> None:
    with pytest.raises(InputError) as caught:
        Endpoint("azure_openai", address, "key-1")
    assert "password@" not in str(caught.value)


def test_the_models_route_names_the_one_to_use() -> None:
    with pytest.raises(InputError, match="https://r.services.ai.azure.com/openai/v1"):
        Endpoint("serverless", "https://r.services.ai.azure.com/models", "key-1")


@pytest.mark.parametrize("key", ["", " key-1", "key-1\n", "key-\u2026", "two\nlines"])
def test_a_key_that_cannot_be_a_header_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(InputError, match="api_key is empty or has") as caught:
        Endpoint("openai", OPENAI_URL, key)
    assert not key.strip() or key.strip() not in str(caught.value)


@pytest.mark.parametrize(("kind", "address"), [("serverless", "https://e.example"), ("openai", OPENAI_URL)])
def test_cloud_services_need_a_key_and_local_servers_do_not(kind: Kind, address: str) -> None:
    with pytest.raises(InputError, match="needs an API key"):
        Endpoint(kind, address)
    assert Endpoint("openai", "http://127.0.0.1:11434/v1").api_key is None


def test_an_endpoint_never_shows_its_secrets() -> None:
    endpoint = Endpoint("openai", OPENAI_URL, "key-1", headers={"X-Key": "key-2"})
    assert "key-" not in repr(endpoint) + str(endpoint)
    assert endpoint.secrets == ("key-1", "key-2")


def test_environment_of_azure_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/openai/")
    entra = endpoint_from_connection(None)
    assert (entra.kind, entra.api_key, entra.api_version) == ("azure_openai", None, AZURE_API_VERSION)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-1")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-05-01")
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", "mini")
    endpoint = endpoint_from_environment("azure_openai")
    assert (endpoint.base_url, endpoint.api_key) == ("https://r.openai.azure.com", "key-1")
    assert (endpoint.api_version, endpoint.model) == ("2024-05-01", "mini")
    monkeypatch.setenv("AZURE_OPENAI_API_VERSION", "2024-06-01")
    assert endpoint_from_environment().api_version == "2024-06-01"


def test_environment_of_openai_and_local_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    endpoint = endpoint_from_environment()
    assert (endpoint.kind, endpoint.base_url, endpoint.api_key) == ("openai", OPENAI_URL, "key-1")
    assert endpoint.headers == {"OpenAI-Organization": "org-1"}
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    monkeypatch.setenv("OPENAI_MODEL", "qwen")
    local = endpoint_from_environment("openai")
    assert (local.base_url, local.api_key, local.model) == ("http://127.0.0.1:11434/v1", None, "qwen")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(InputError, match="AZURE_OPENAI_ENDPOINT is not set"):
        endpoint_from_environment("azure_openai")
    with pytest.raises(InputError, match="set OPENAI_API_KEY .* or OPENAI_BASE_URL"):
        endpoint_from_environment("openai")
    with pytest.raises(InputError, match="AZURE_OPENAI_ENDPOINT .*OPENAI_API_KEY .*OPENAI_BASE_URL"):
        endpoint_from_environment()
    with pytest.raises(InputError, match="OPENAI_BASE_URL"):
        endpoint_from_environment("serverless")
