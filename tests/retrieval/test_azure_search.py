"""The Azure AI Search engine: the official SDK talking to a strict service on 127.0.0.1."""

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from azure.identity import CredentialUnavailableError
from fake_azure_search import ADMIN_KEY, QUERY_KEY, FakeSearchService, Index, Refusal, running
from numpy.typing import NDArray

from bakeoff.errors import EndpointError, InputError
from bakeoff.models.base import ModelIdentity
from bakeoff.retrieval.azure_search import AzureSearchEngine
from bakeoff.retrieval.azure_search_index import PENDING, document_key, index_definition, settings_text
from bakeoff.retrieval.azure_search_target import AzureSearchTarget, search_target
from bakeoff.retrieval.azure_search_writer import MOST_ACTIONS, MOST_BYTES, AzureSearchWriter, batches
from bakeoff.retrieval.build import build_index, index_settings
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.engine import IndexSettings, retrieve
from bakeoff.retrieval.reading_report import ReadingReport

DIMENSION = 4
SETTINGS = IndexSettings("minilm", "onnx", "r1", DIMENSION, 200, 30)
PATH = "fees/what's new.md"
FILLED = [*(f"word {number}" for number in range(120)), "rare"]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSearchService]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as started:
        yield started


def target(service: FakeSearchService, key: str = ADMIN_KEY, **changes: Any) -> AzureSearchTarget:
    return AzureSearchTarget(service.url, key, **{"max_retries": 0, "timeout": 10.0, **changes})


def writer(service: FakeSearchService, **changes: Any) -> AzureSearchWriter:
    return AzureSearchWriter(target(service, **changes), "help", SETTINGS)


def engine(service: FakeSearchService, **changes: Any) -> AzureSearchEngine:
    return AzureSearchEngine(target(service, QUERY_KEY, **changes), "help")


def document(version: str = "1", path: str = PATH) -> Document:
    return Document(path, "Fees", version * 64, ())


def chunk(text: str, path: str = PATH) -> Chunk:
    identity = "".join(f"{ord(letter):02x}" for letter in text)[:40]
    return Chunk(identity, path, ("Fees", "Bags"), 3, text, 0, 2, "Fees > Bags")


def unit_vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    normal: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normal


def put(into: AzureSearchWriter, texts: Sequence[str], version: str = "1", path: str = PATH) -> None:
    into.put(document(version, path), [chunk(text, path) for text in texts], list(unit_vectors(len(texts))[:, None]))


def texts(service: FakeSearchService) -> list[str]:
    return sorted(row["text"] for row in service.indexes["help"].rows.values() if "text" in row)


def sent(service: FakeSearchService) -> list[list[dict[str, Any]]]:
    return [body["value"] for _, path, body in service.requests if path.endswith("search.index")]


def test_the_index_is_created_once_and_holds_its_settings(service: FakeSearchService) -> None:
    writer(service)
    definition = service.indexes["help"].definition
    vector = {each["name"]: each for each in definition["fields"]}["vector"]
    assert definition["description"] == settings_text(SETTINGS)
    assert vector["dimensions"] == DIMENSION
    assert service.indexes["help"].fields(searchable=True) == {"context", "text", "vector"}
    writer(service)
    assert [path for method, path, _ in service.requests if method == "POST" and path == "/indexes"] == ["/indexes"]


def test_an_index_with_other_settings_is_left_alone(service: FakeSearchService) -> None:
    writer(service)
    other = IndexSettings("ada", "azure_openai", "", 8, 100, 30)
    with pytest.raises(InputError, match="embedding 'minilm', now 'ada'.*dimension 4, now 8.*max_tokens 200, now 100"):
        AzureSearchWriter(target(service), "help", other)


def test_an_index_of_something_else_is_left_alone(service: FakeSearchService) -> None:
    definition = index_definition("help", SETTINGS).as_dict() | {"description": "hotels"}
    service.indexes["help"] = Index(definition)
    with pytest.raises(InputError, match="'help' at 127.0.0.1.* was not made by"):
        writer(service)
    assert service.indexes["help"].rows == {}


@pytest.mark.parametrize("name", ["Help", "a", "-help", "help-", "a--b", "help_1", "x" * 129, "a/b", "help\n"])
def test_a_name_that_the_service_would_not_take_is_refused(service: FakeSearchService, name: str) -> None:
    for make in (
        lambda: AzureSearchWriter(target(service), name, SETTINGS),
        lambda: AzureSearchEngine(target(service), name),
    ):
        with pytest.raises(InputError, match="cannot name an index"):
            make()
    assert service.requests == []


def test_what_is_put_is_known_and_comes_back_whole(service: FakeSearchService) -> None:
    filling = writer(service)
    put(filling, ["bag fee", "seat fee"])
    assert filling.known() == writer(service).known() == {PATH: "1" * 64}
    (hit,) = engine(service).search("seat", None, 5)
    assert (hit.id, hit.document, hit.heading_path, hit.page) == (chunk("seat fee").id, PATH, ("Fees", "Bags"), 3)
    assert (hit.context, hit.text, hit.similarity) == ("Fees > Bags", "seat fee", None)


def test_a_document_without_chunks_is_known(service: FakeSearchService) -> None:
    put(writer(service), [])
    assert writer(service).known() == {PATH: "1" * 64}


def test_a_new_version_takes_the_place_of_the_old_one(service: FakeSearchService) -> None:
    put(writer(service), ["one", "two", "three"])
    put(writer(service), ["two", "four"], "2")
    assert texts(service) == ["four", "two"]
    assert writer(service).known() == {PATH: "2" * 64}


def test_only_the_document_named_is_removed(service: FakeSearchService) -> None:
    filling = writer(service)
    put(filling, ["one"])
    put(filling, ["two"], path="other.md")
    filling.remove(PATH)
    filling.remove("never there.md")
    assert filling.known() == writer(service).known() == {"other.md": "1" * 64}
    assert texts(service) == ["two"]


@pytest.mark.parametrize("requests_before", range(6))
def test_an_interrupted_put_leaves_nothing_that_counts_as_known(
    service: FakeSearchService, monkeypatch: pytest.MonkeyPatch, requests_before: int
) -> None:
    monkeypatch.setattr("bakeoff.retrieval.azure_search_writer.MOST_ACTIONS", 2)
    put(writer(service), ["one", "two", "three"])
    filling = writer(service)
    service.script = [*[None] * requests_before, Refusal(400, "stop")]
    with pytest.raises(EndpointError, match="stop"):
        put(filling, ["two", "four"], "2")
    service.script = []
    again = writer(service)
    was_touched = texts(service) != ["one", "three", "two"]
    assert again.known() in ([{}] if was_touched else [{}, {PATH: "1" * 64}])
    put(again, ["two", "four"], "2")
    assert texts(service) == ["four", "two"]
    assert writer(service).known() == {PATH: "2" * 64}


@pytest.mark.parametrize("requests_before", range(5))
def test_an_interrupted_removal_is_finished_by_the_next_build(
    service: FakeSearchService, monkeypatch: pytest.MonkeyPatch, requests_before: int
) -> None:
    monkeypatch.setattr("bakeoff.retrieval.azure_search_writer.MOST_ACTIONS", 2)
    put(writer(service), ["one", "two", "three"])
    filling = writer(service)
    filling.known()
    service.script = [*[None] * requests_before, Refusal(400, "stop")]
    with pytest.raises(EndpointError, match="stop"):
        filling.remove(PATH)
    service.script = []
    again = writer(service)
    for path in again.known():
        again.remove(path)
    again.publish()
    assert service.indexes["help"].rows.keys() == {"settings"}


def test_what_an_interruption_left_of_a_lost_document_goes_with_publish(service: FakeSearchService) -> None:
    filling = writer(service)
    put(filling, ["kept"], path="kept.md")
    service.script = [None, None, Refusal(400, "stop")]
    with pytest.raises(EndpointError):
        put(filling, ["half"])
    assert texts(service) == ["half", "kept"]
    writer(service).publish()
    assert texts(service) == ["kept"]
    assert writer(service).known() == {"kept.md": "1" * 64}


def test_documents_are_known_beyond_a_thousand(service: FakeSearchService) -> None:
    filling = writer(service)
    rows = service.indexes["help"].rows
    for number in range(2_500):
        path = f"{number}.md"
        rows[document_key(path)] = {"id": document_key(path), "document": path, "sha256": f"{number:064}"}
    rows[document_key("half.md")] = {"id": document_key("half.md"), "document": "half.md", "sha256": PENDING}
    service.page = 300
    assert filling.known() == {f"{number}.md": f"{number:064}" for number in range(2_500)}


def test_a_document_of_thousands_of_chunks_is_written_and_removed_in_batches(service: FakeSearchService) -> None:
    filling = writer(service)
    put(filling, [f"{number}" for number in range(2_100)])
    assert len(texts(service)) == 2_100
    assert [len(actions) for actions in sent(service)] == [1, 1, 1_000, 1_000, 100, 1]
    filling.remove(PATH)
    assert texts(service) == []


def test_batches_keep_the_limits_and_the_order() -> None:
    actions = [
        {"id": str(number), "text": "x" * size} for number, size in enumerate([1, MOST_BYTES, 2, 8_000_000, 8_000_000])
    ]
    assert [[action["id"] for action in batch] for batch in batches(actions)] == [["0"], ["1"], ["2", "3"], ["4"]]
    assert [len(batch) for batch in batches([{"id": "a"}] * 2_000)] == [MOST_ACTIONS, 1_000]
    assert list(batches([])) == []


@pytest.mark.parametrize(("status", "is_retryable"), [(400, False), (422, True), (503, True)])
def test_a_row_that_is_refused_is_named(service: FakeSearchService, status: int, is_retryable: bool) -> None:
    filling = writer(service)
    key = chunk("two").id
    service.refused[key] = (status, "no room here")
    with pytest.raises(EndpointError, match=f"index 'help': row '{key}' .*{status}.*no room here") as raised:
        put(filling, ["one", "two"])
    assert (raised.value.status, raised.value.retryable) == (status, is_retryable)
    assert filling.known() == writer(service).known() == {}


@pytest.fixture
def filled(service: FakeSearchService) -> NDArray[np.float32]:
    """The vectors of the chunks FILLED; the last lies opposite to the first."""
    vectors = unit_vectors(121)
    vectors[120] = -vectors[0]
    writer(service).put(document(), [chunk(text) for text in FILLED], list(vectors[:, None]))
    service.requests.clear()
    return vectors


def test_hybrid_search_tells_the_true_similarity_of_every_hit(
    service: FakeSearchService, filled: NDArray[np.float32]
) -> None:
    searching = engine(service)
    hits = searching.search("the rare word", filled[0], 121)
    by_text = {hit.text: hit for hit in hits}
    assert len(by_text) == 121
    for text, cosine in zip(FILLED, (filled @ filled[0]).tolist(), strict=True):
        assert by_text[text].similarity == pytest.approx(cosine, abs=1e-6)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_hit_of_keywords_alone_costs_one_more_exact_query(
    service: FakeSearchService, filled: NDArray[np.float32]
) -> None:
    searching = engine(service)
    service.requests.clear()
    hits = searching.search("word", filled[0], 3)
    assert len(hits) == 3
    assert len(service.requests) == 1
    hits = searching.search("rare", filled[0], 100)
    first, second = (body for _, _, body in service.requests[1:])
    assert (first["search"], first["debug"], first["vectorQueries"][0]["k"]) == ("rare", "vector", 100)
    assert second["vectorQueries"][0]["exhaustive"] is True
    assert second["filter"] == f"search.in(id, '{chunk('rare').id}')"
    assert next(hit for hit in hits if hit.text == "rare").similarity == pytest.approx(-1, abs=1e-6)


def test_vectors_alone_give_the_nearest_and_their_cosines(
    service: FakeSearchService, filled: NDArray[np.float32]
) -> None:
    hits = engine(service).search(" ", filled[7], 4)
    order = np.argsort(-(filled @ filled[7]))[:4]
    assert [hit.text for hit in hits] == [FILLED[place] for place in order]
    assert [hit.similarity for hit in hits] == pytest.approx((filled @ filled[7])[order].tolist(), abs=1e-6)


def test_a_question_is_words_and_never_query_syntax(service: FakeSearchService, filled: NDArray[np.float32]) -> None:
    searching = engine(service)
    assert [hit.text for hit in searching.search('-"rare" +(*~|\\', None, 5)] == ["rare"]
    service.requests.clear()
    assert searching.search("+ - ?", None, 5) == []
    assert service.requests == []
    assert searching.search("+ - ?", filled[7], 1)[0].text == "word 7"
    with pytest.raises(InputError, match="needs a text, a vector or both"):
        searching.search(" ", None, 5)


def test_the_engine_needs_no_more_than_a_query_key(service: FakeSearchService, filled: NDArray[np.float32]) -> None:
    assert engine(service).settings == SETTINGS
    with pytest.raises(EndpointError, match="HTTP 403.*admin key") as raised:
        AzureSearchWriter(target(service, QUERY_KEY), "help", SETTINGS)
    assert (raised.value.status, raised.value.retryable) == (403, False)


class LetterModel:
    """Embeds a text as how often it has e, t, a and r."""

    identity = ModelIdentity("letters", "test", "1")
    dimension, max_tokens = DIMENSION, 200

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = np.array([[1 + text.count(letter) for letter in "etar"] for text in texts], np.float32)
        normal: NDArray[np.float32] = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return normal


def test_a_folder_is_built_asked_and_brought_up_to_date(service: FakeSearchService, tmp_path: Path) -> None:
    model: Any = LetterModel()
    settings = index_settings(model)
    for name, text in (("bags", "A second bag costs 30 EUR."), ("pets", "Pets travel in the cabin."), ("old", "Gone.")):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n\n{text}\n", encoding="utf-8")

    def build() -> tuple[int, int]:
        filling = AzureSearchWriter(target(service), "help", settings)
        result = build_index(tmp_path, filling, model, settings, ReadingReport())
        return result.documents, result.removed

    assert build() == (3, 0)
    assert retrieve(engine(service), model, "what does a second bag cost", 1)[0].document == "bags.md"
    (tmp_path / "old.md").unlink()
    (tmp_path / "pets.md").write_text("# pets\n\nPets stay at home.\n", encoding="utf-8")
    assert build() == (1, 1)
    assert texts(service) == ["A second bag costs 30 EUR.", "Pets stay at home."]
    assert build() == (0, 0)


@pytest.mark.parametrize(
    ("status", "headers", "is_retryable", "advice"),
    [
        (401, {}, False, "check that the api_key"),
        (403, {}, False, "check that the api_key"),
        (404, {}, False, "bakeoff index DOCS --engine azure-search"),
        (429, {"Retry-After": "0"}, True, "quota or rate limit"),
        (503, {}, True, "try again later"),
        (307, {"Location": "http://127.0.0.1:9/"}, False, "change what"),
        (400, {}, False, "api_version is 2025-09-01"),
    ],
)
def test_a_failure_names_host_index_and_a_way_out_but_no_key(
    service: FakeSearchService,
    caplog: pytest.LogCaptureFixture,
    status: int,
    headers: dict[str, str],
    is_retryable: bool,
    advice: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    writer(service)
    searching = engine(service)
    service.script = [Refusal(status, f"you sent {QUERY_KEY}", headers)]
    with pytest.raises(EndpointError, match=rf"127\.0\.0\.1:\d+, index 'help': HTTP {status}: .*{advice}") as raised:
        searching.search("fee", None, 3)
    assert (raised.value.status, raised.value.retryable) == (status, is_retryable)
    assert service.script == []
    assert "search.post.search" in caplog.text
    for shown in (str(raised.value), repr(raised.value), caplog.text, repr(target(service)), repr(vars(searching))):
        assert ADMIN_KEY not in shown
        assert QUERY_KEY not in shown


@pytest.mark.parametrize(
    "refusal", [Refusal(429, "slow down", {"Retry-After": "0"}), Refusal(429, "slow down"), Refusal(503, "busy")]
)
def test_a_busy_service_is_asked_again(service: FakeSearchService, refusal: Refusal) -> None:
    filling = writer(service, max_retries=1)
    service.script = [refusal]
    put(filling, ["one"])
    service.script = [None, refusal]
    assert engine(service, max_retries=1).search("one", None, 1)[0].text == "one"
    assert texts(service) == ["one"]


def test_no_index_says_how_to_make_one(service: FakeSearchService) -> None:
    with pytest.raises(EndpointError, match="index 'help': HTTP 404.*bakeoff index"):
        engine(service)


def test_silence_and_a_closed_port_are_told_apart(service: FakeSearchService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EndpointError, match="no answer within 0.2 s") as raised:
            AzureSearchEngine(AzureSearchTarget(address, QUERY_KEY, timeout=0.2, max_retries=0), "help")
    assert raised.value.retryable
    with pytest.raises(EndpointError, match="no connection.*check the address") as raised:
        AzureSearchEngine(AzureSearchTarget(address, QUERY_KEY, timeout=5, max_retries=0), "help")
    assert raised.value.status is None
    assert raised.value.retryable


class CognitiveSearchConnection(SimpleNamespace):
    """Prompt Flow's class of that name, as far as it is read."""


class AzureAISearchConnection(CognitiveSearchConnection):
    """The same."""


def connection(kind: Callable[..., Any] = CognitiveSearchConnection, **changes: Any) -> Any:
    values = {"name": "search", "api_base": "https://s.search.windows.net/", "api_key": "key-1", "auth_mode": "key"}
    return kind(**{**values, "api_version": "2023-11-01", **changes})


@pytest.mark.parametrize("kind", [CognitiveSearchConnection, AzureAISearchConnection])
def test_a_connection_is_a_target(kind: Callable[..., Any]) -> None:
    expected = AzureSearchTarget("https://s.search.windows.net", "key-1", "2025-09-01", source="connection 'search'")
    assert search_target(connection(kind)) == expected
    assert search_target(connection(kind, api_version="2026-04-01")).api_version == "2026-04-01"
    assert search_target(connection(kind, auth_mode="meid_token")).api_key is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"api_key": "<user-input>"}, "api_key has no value"),
        ({"api_key": "ke\ny"}, "api_key is empty or has"),
        ({"api_base": None}, "the address must look like https"),
        ({"api_base": "https://<your-service>.search.windows.net"}, "the address must look like https"),
        ({"api_base": "https://s.search.windows.net/indexes"}, "the address must look like https"),
        ({"api_base": "https://me:pa55@s.search.windows.net"}, "no user name"),
        ({"api_base": "http://s.search.windows.net"}, "use https"),
        ({"api_base": "http://127.0.0.1.example.com"}, "use https"),
        ({"api_base": "http://127.0.0.1:9", "auth_mode": "meid_token"}, "use https"),
    ],
)
def test_a_connection_that_cannot_work_says_why(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"connection 'search': .*{message}") as raised:
        search_target(connection(**changes))
    assert "pa55" not in str(raised.value)


def test_any_other_connection_is_refused() -> None:
    with pytest.raises(InputError, match="'other' is of type SimpleNamespace: use one of AzureAISearchConnection"):
        search_target(connection(SimpleNamespace, name="other"))


def test_without_a_connection_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_SEARCH_ENDPOINT", raising=False)
    monkeypatch.delenv("AZURE_SEARCH_API_KEY", raising=False)
    with pytest.raises(InputError, match="set AZURE_SEARCH_ENDPOINT"):
        search_target()
    monkeypatch.setenv("AZURE_SEARCH_ENDPOINT", "https://s.search.windows.net")
    assert search_target().api_key is None
    monkeypatch.setenv("AZURE_SEARCH_API_KEY", "key-1")
    assert search_target().api_key == "key-1"
    assert "key-1" not in repr(search_target())


def test_a_sign_in_that_does_not_work_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class NobodySignedIn:
        def get_token(self, *scopes: str, **_: Any) -> None:
            assert scopes == ("https://search.azure.com/.default",)
            raise CredentialUnavailableError("no account here\nlong list")

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", NobodySignedIn)
    with pytest.raises(EndpointError, match=r"no Entra ID sign-in works here \(no account here\).*az login"):
        AzureSearchEngine(AzureSearchTarget("https://127.0.0.1:9", max_retries=0), "help")


def test_a_passage_has_one_vector_whatever_tables_it_holds(service: FakeSearchService):
    passage = chunk("| Fare | Bags |\n| --- | --- |\n| Saver | 0 |\n| Flex | 2 |")
    assert writer(service).texts(passage) == ["Fees > Bags\n\nFare Bags\nSaver 0\nFlex 2"]
