import shutil
from pathlib import Path

import pytest
from fake_embedding import FakeEmbedding

from bakeoff.errors import InputError
from bakeoff.retrieval import azure_search, local_index, opening
from bakeoff.retrieval.build import build_index, index_settings
from bakeoff.retrieval.local_index import LocalIndexWriter
from bakeoff.retrieval.opening import open_index
from bakeoff.retrieval.reading_report import ReadingReport


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "indexes"


def documents(folder: Path, text: str = "The ferry leaves from pier 3.") -> Path:
    folder.mkdir(parents=True)
    (folder / "ferry.md").write_text(text, encoding="utf-8")
    return folder


def test_documents_are_indexed_once_wherever_they_lie(tmp_path: Path, cache: Path):
    embedding = FakeEmbedding()
    for place in ("one", "two"):
        documents(tmp_path / place / "articles")
        engine = open_index("articles", tmp_path / place, embedding)
        assert engine.search("pier", None, 1)[0].text == "The ferry leaves from pier 3."
    assert len(embedding.embedded) == 1
    assert len(list(cache.iterdir())) == 1


def test_changed_documents_are_indexed_again(tmp_path: Path, cache: Path):
    embedding = FakeEmbedding()
    folder = documents(tmp_path / "articles")
    open_index("articles", tmp_path, embedding)
    (folder / "ferry.md").write_text("The ferry leaves from pier 12 now.", encoding="utf-8")
    assert "12" in open_index("articles", tmp_path, embedding).search("pier", None, 1)[0].text
    assert len(list(cache.iterdir())) == 2


def test_another_embedding_model_gets_an_index_of_its_own(tmp_path: Path, cache: Path):
    documents(tmp_path / "articles")
    for name in ("one", "two"):
        assert open_index("articles", tmp_path, FakeEmbedding(name)).settings.embedding == name
    assert len(list(cache.iterdir())) == 2


def test_a_cleared_cache_is_filled_again(tmp_path: Path, cache: Path):
    documents(tmp_path / "articles")
    for _ in range(2):
        assert open_index("articles", tmp_path, FakeEmbedding()).search("pier", None, 1)
        shutil.rmtree(cache)


def test_only_what_would_be_indexed_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "MOST_FILES", 1)
    folder = documents(tmp_path / "articles")
    for name in (".hidden.md", "picture.png", "not-unicode-\udcff.md"):
        (folder / name).write_text("x")
    assert open_index("articles", tmp_path, FakeEmbedding()).search("pier", None, 1)


def test_an_index_of_an_older_format_is_not_taken_from_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    embedding = FakeEmbedding()
    for place, form in (("one", local_index.FORMAT - 1), ("two", local_index.FORMAT)):
        for module in (opening, local_index):
            monkeypatch.setattr(module, "FORMAT", form)
        documents(tmp_path / place / "articles")
        assert open_index("articles", tmp_path / place, embedding).search("pier", None, 1)
    assert len(list(cache.iterdir())) == 2
    assert len(embedding.embedded) == 2


def test_an_index_is_opened_once_and_again_when_it_is_replaced(tmp_path: Path):
    embedding = FakeEmbedding()
    folder, settings = documents(tmp_path / "articles"), index_settings(embedding)

    def build() -> None:
        with LocalIndexWriter(tmp_path / "index", settings) as writer:
            build_index(folder, writer, embedding, settings, ReadingReport())

    build()
    first = open_index(str(tmp_path / "index"), tmp_path, embedding)
    assert open_index("index", tmp_path, embedding) is first
    (folder / "new.md").write_text("A new quay.", encoding="utf-8")
    build()
    assert open_index("index", tmp_path, embedding).search("quay", None, 1)[0].document == "new.md"


def test_what_is_not_there_is_named(tmp_path: Path):
    for name in ("nowhere", "", " "):
        with pytest.raises(InputError, match="bakeoff index DOCS"):
            open_index(name, tmp_path, FakeEmbedding())


def test_many_documents_need_an_index_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "MOST_FILES", 0)
    with pytest.raises(InputError, match="holds 1 files: index them once"):
        open_index(str(documents(tmp_path / "articles")), tmp_path, FakeEmbedding())


def test_azure_search_needs_its_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AZURE_SEARCH_ENDPOINT", raising=False)
    with pytest.raises(InputError, match="AZURE_SEARCH_ENDPOINT"):
        open_index("azure-search:help", tmp_path, None)


def test_an_index_in_azure_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_SEARCH_ENDPOINT", "https://one.search.windows.net")
    monkeypatch.setattr(azure_search, "AzureSearchEngine", lambda target, index: object())
    help_index = open_index("azure-search:help", tmp_path, None)
    assert open_index("azure-search:help", tmp_path, None) is help_index
    assert open_index("azure-search:other", tmp_path, None) is not help_index
    monkeypatch.setenv("AZURE_SEARCH_ENDPOINT", "https://two.search.windows.net")
    assert open_index("azure-search:help", tmp_path, None) is not help_index
