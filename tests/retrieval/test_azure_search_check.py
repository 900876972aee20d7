"""What a check says about an Azure AI Search service, by the official SDK against a strict service on 127.0.0.1."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.identity import CredentialUnavailableError, DefaultAzureCredential
from fake_azure_search import ADMIN_KEY, QUERY_KEY, FakeSearchService, Refusal, running

from bakeoff.models.check import Step
from bakeoff.retrieval.azure_search_check import check_search
from bakeoff.retrieval.azure_search_target import AzureSearchTarget
from bakeoff.retrieval.azure_search_writer import AzureSearchWriter
from bakeoff.retrieval.engine import IndexSettings


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSearchService]:
    """A service with one index, `help`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as started:
        AzureSearchWriter(target(started), "help", IndexSettings("minilm", "onnx", "r1", 4, 200, 30))
        started.requests.clear()
        yield started


def target(service: FakeSearchService, key: str | None = ADMIN_KEY, **changes: Any) -> AzureSearchTarget:
    return AzureSearchTarget(**{"endpoint": service.url, "api_key": key, "source": "connection 'x'", **changes})


def states(steps: list[Step]) -> list[str]:
    assert ADMIN_KEY not in str(steps)
    assert QUERY_KEY not in str(steps)
    return [f"{step.name} {step.state[0]}" for step in steps]


def test_an_admin_key_sees_which_indexes_there_are(service: FakeSearchService) -> None:
    steps = check_search(target(service))
    assert states(steps) == ["reachable o", "authorised o", "index n", "answer o"]
    assert steps[2].said == "name it: --index (there are help)"


def test_a_query_key_is_enough_to_ask_an_index(service: FakeSearchService) -> None:
    steps = check_search(target(service, QUERY_KEY), "help")
    assert states(steps) == ["reachable o", "authorised o", "index o", "answer o"]
    assert "embedded by minilm" in steps[2].said
    steps = check_search(target(service, QUERY_KEY))
    assert states(steps)[1] == "authorised f"
    assert "give --index NAME" in steps[1].said


@pytest.mark.parametrize(
    ("refusal", "expected", "said"),
    [
        (Refusal(403, "no"), "authorised f", "admin key to index, a query key"),
        (Refusal(404, "no"), "index f", "check the address and the index's name"),
        (Refusal(429, "no"), "answer f", "quota or rate limit"),
        (Refusal(503, "no"), "answer f", "try again later"),
    ],
)
def test_each_failure_is_told_at_its_step_once(
    service: FakeSearchService, refusal: Refusal, expected: str, said: str
) -> None:
    service.script = [refusal]
    steps = check_search(target(service), "help")
    assert expected in states(steps)
    assert said in " ".join(step.said for step in steps)
    assert len(service.requests) == 1


def test_an_index_that_bakeoff_did_not_make(service: FakeSearchService) -> None:
    service.indexes["help"].rows["settings"] = {"id": "settings", "settings": "{}"}
    for row in service.indexes["help"].rows.values():
        row["settings"] = "no JSON"
    steps = check_search(target(service), "help")
    assert states(steps) == ["reachable o", "authorised o", "index f"]


def test_a_service_that_is_not_there_and_nobody_signed_in(
    service: FakeSearchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = check_search(target(service, endpoint="http://127.0.0.1:9"))
    assert states(steps)[0] == "reachable f"

    def nobody(*_: Any, **__: Any) -> Any:
        raise CredentialUnavailableError("nobody is signed in")

    monkeypatch.setattr(DefaultAzureCredential, "get_token", nobody)
    monkeypatch.setattr(DefaultAzureCredential, "get_token_info", nobody)
    steps = check_search(target(service, None, endpoint="https://127.0.0.1:9"))
    assert states(steps)[:2] == ["reachable n", "authorised f"]
    assert "az login" in steps[1].said
