"""`bakeoff index` as a person runs it; the embedded model where nothing is said."""

import io
import json
from pathlib import Path

import pytest
from fake_azure_search import ADMIN_KEY, running
from fake_embedding import FakeEmbedding
from pypdf import PdfReader, PdfWriter
from retrieval_files import pdf

from bakeoff.cli import main
from bakeoff.errors import EndpointError
from bakeoff.models import load
from bakeoff.retrieval import build
from bakeoff.retrieval.local_index import LocalIndex


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "ferry.md").write_text("# Ferry\nThe ferry to Tarn leaves from pier 3.", encoding="utf-8")
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEmbedding:
    """In place of every embedding model."""
    embedding = FakeEmbedding()
    monkeypatch.setattr(load, "load_embedding", lambda *_: embedding)
    return embedding


def encrypted(text: str) -> bytes:
    writer, buffer = PdfWriter(PdfReader(io.BytesIO(pdf(text)))), io.BytesIO()
    writer.encrypt("a password", algorithm="AES-256")
    writer.write(buffer)
    return buffer.getvalue()


def test_bad_files_are_named_and_the_rest_is_indexed(
    documents: Path, tmp_path: Path, fake: FakeEmbedding, capsys: pytest.CaptureFixture[str]
):
    (documents / "locked.pdf").write_bytes(encrypted("secret"))
    (documents / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    with (documents / "huge.txt").open("wb") as file:
        file.truncate(200_000_000)
    (documents / "latin.txt").write_bytes("Café".encode("latin-1"))
    (tmp_path / "outside.md").write_text("private")
    (documents / "link.md").symlink_to(tmp_path / "outside.md")
    assert main(["index", str(documents), "--out", str(tmp_path / "index")]) == 0
    said = capsys.readouterr().out
    for name, reason in (
        ("locked.pdf", "encrypted"),
        ("broken.pdf", "broken"),
        ("huge.txt", "too large: 200.0 MB"),
        ("latin.txt", "not UTF-8"),
        ("link.md", "leads out of the folder"),
    ):
        assert any(line.startswith(f"left out: {name}: ") and reason in line for line in said.splitlines()), said
    assert "1 read, 5 refused" in said
    assert LocalIndex(tmp_path / "index").documents == 1
    assert main(["index", str(documents), "--out", str(tmp_path / "index"), "--encoding", "latin-1"]) == 0
    assert LocalIndex(tmp_path / "index").documents == 2


def test_the_embedded_model_indexes_and_a_second_run_embeds_nothing(
    documents: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["index", str(documents), "--out", str(tmp_path / "index")]
    assert main(command) == 0
    assert "1 chunks embedded" in capsys.readouterr().out
    assert LocalIndex(tmp_path / "index").settings.embedding == "all-minilm-l6-v2"
    assert main(command) == 0
    assert "1 unchanged" in (said := capsys.readouterr().out)
    assert "0 chunks embedded" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--out", "index"], "nowhere: there is no such file or folder"),
        (["documents"], "Give --out FOLDER"),
        (["documents", "--engine", "azure-search"], "--index-name NAME"),
        (["documents", "--out", "index", "--max-tokens", "5"], "it must be 16 or more"),
        (["empty", "--out", "index"], "no document could be read"),
        (["documents", "--out", "documents"], "something that is not an index"),
        (["documents", "--out", "index", "--embedding", "no-such-model"], "no-such-model"),
        (["documents", "--out", "index", "--max-tokens", "400"], "all-minilm-l6-v2 takes 256"),
    ],
)
def test_wrong_use_is_explained(
    documents: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["index", *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "index" / "index.json").exists()


def test_what_was_embedded_before_an_interruption_is_kept(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    calls: list[None] = []

    def interrupt_the_second() -> None:
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt

    (documents / "pets.md").write_text("# Pets\nA small dog travels for 40 euros.", encoding="utf-8")
    monkeypatch.setattr(build, "BATCH", 1)
    embedding = FakeEmbedding(before=interrupt_the_second)
    monkeypatch.setattr(load, "load_embedding", lambda *_: embedding)
    command = ["index", str(documents), "--out", str(tmp_path / "index")]
    assert main(command) == 130
    assert "goes on with it" in capsys.readouterr().out
    assert main(command) == 0
    assert len(embedding.embedded) == 2
    assert LocalIndex(tmp_path / "index").documents == 2


def test_progress_ends_at_all_files_though_some_are_refused_or_unchanged(
    documents: Path, tmp_path: Path, fake: FakeEmbedding, capsys: pytest.CaptureFixture[str]
):
    (documents / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    (documents / "large.txt").write_text("word " * 100)
    command = ["index", str(documents), "--out", str(tmp_path / "index"), "--max-bytes", "400"]
    for _ in range(2):
        assert main(command) == 0
        said = capsys.readouterr().out
        assert "3 of 3 files" in said
        assert "large.txt: is too large" in said


def test_an_endpoint_that_fails_ends_the_build_with_its_message(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail() -> None:
        raise EndpointError("embeddings.example answered 503", status=503)

    monkeypatch.setattr(load, "load_embedding", lambda *_: FakeEmbedding(before=fail))
    assert main(["index", str(documents), "--out", str(tmp_path / "index")]) == 1
    assert "503" in capsys.readouterr().err


def test_azure_search_is_filled_by_the_same_command(
    documents: Path, fake: FakeEmbedding, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    command = ["index", str(documents), "--engine", "azure-search", "--index-name", "help"]
    with running() as service:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("AZURE_SEARCH_ENDPOINT", service.url)
        monkeypatch.setenv("AZURE_SEARCH_API_KEY", ADMIN_KEY)
        assert main(command) == 0
        assert main(command) == 0
        texts = [row["text"] for row in service.indexes["help"].rows.values() if row.get("text")]
    assert texts == ["The ferry to Tarn leaves from pier 3."]
    assert len(fake.embedded) == 1
    assert ADMIN_KEY not in json.dumps(capsys.readouterr())


def test_a_connection_that_is_not_registered_is_named(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(tmp_path / "home"))
    assert main(["index", str(documents), "--out", str(tmp_path / "index"), "--connection", "nobody"]) == 1
    assert "no Prompt Flow connection 'nobody'" in capsys.readouterr().err
