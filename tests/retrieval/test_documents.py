import hashlib
import os
from pathlib import Path

import pytest
from retrieval_files import pdf

from bakeoff.errors import InputError
from bakeoff.retrieval.documents import Document, read_documents
from bakeoff.retrieval.reading_report import ReadingReport


def _read(root: Path, **options: object) -> tuple[dict[str, Document], ReadingReport]:
    report = ReadingReport()
    documents = {document.path: document for document in read_documents(root, report, **options)}
    return documents, report


def _refused(report: ReadingReport) -> dict[str, str]:
    return {problem.path: problem.message for problem in report.problems}


def test_a_folder_is_read_in_order_with_paths_and_hashes(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.TXT").write_bytes(b"two")
    (tmp_path / "a.md").write_bytes(b"# One\ntext")
    documents, report = _read(tmp_path)
    assert list(documents) == ["a.md", "b/two.TXT"]
    assert documents["a.md"].title == "One"
    assert documents["b/two.TXT"].title == "two"
    assert documents["b/two.TXT"].sha256 == hashlib.sha256(b"two").hexdigest()
    assert report.summary() == "2 read"


def test_a_single_file_is_read(tmp_path: Path):
    (tmp_path / "one.txt").write_text("text")
    assert list(_read(tmp_path / "one.txt")[0]) == ["one.txt"]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(b"no pdf")
    (tmp_path / "b.txt").write_bytes(b"Caf\xe9")
    (tmp_path / "c.txt").write_bytes(b"")
    (tmp_path / "d.html").write_bytes(b"<script>x</script>")
    (tmp_path / "e.pdf").write_bytes(pdf("sound", ""))
    documents, report = _read(tmp_path)
    assert list(documents) == ["e.pdf"]
    refused = _refused(report)
    assert list(refused) == ["a.pdf", "b.txt", "c.txt", "d.html"]
    assert "broken PDF" in refused["a.pdf"]
    assert "not UTF-8" in refused["b.txt"]
    assert refused["c.txt"] == "is empty (0 bytes)"
    assert refused["d.html"] == "has no text"
    assert str(report.notes[0]) == "e.pdf: no text on page 2 of 2 (scanned or blank)"


def test_the_encoding_of_the_caller_is_used(tmp_path: Path):
    (tmp_path / "b.txt").write_bytes(b"Caf\xe9")
    assert _read(tmp_path, encoding="cp1252")[0]["b.txt"].text == "Café"


def test_a_200_mb_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with (tmp_path / "big.txt").open("wb") as file:
        file.truncate(200_000_000)
    (tmp_path / "small.txt").write_text("text")
    opened = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path.name) or read_bytes(path))
    _, report = _read(tmp_path)
    assert _refused(report)["big.txt"] == "is too large: 200.0 MB, the limit is 50.0 MB; split it"
    assert opened == ["small.txt"]


def test_a_file_that_only_a_link_names_is_read(tmp_path: Path):
    """As Kubernetes mounts a ConfigMap."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "fees.md").write_text("A dog costs 40 euros.")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "fees.md").symlink_to("..data/fees.md")
    (tmp_path / "LICENSE").write_text("MIT")
    (tmp_path / "licence.txt").symlink_to("LICENSE")
    (tmp_path / "no-text").symlink_to("LICENSE")
    documents, report = _read(tmp_path)
    assert {path: document.text for path, document in documents.items()} == {
        "fees.md": "A dog costs 40 euros.",
        "licence.txt": "MIT",
    }
    assert report.unknown == {"": 2}


def test_links_are_not_followed(tmp_path: Path):
    corpus, outside = tmp_path / "corpus", tmp_path / "outside"
    corpus.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (corpus / "a.txt").write_text("text")
    (corpus / "out.txt").symlink_to(outside / "secret.txt")
    (corpus / "outdir").symlink_to(outside)
    (corpus / "again.txt").symlink_to(corpus / "a.txt")
    (corpus / "up").symlink_to(corpus)
    (corpus / "loop.txt").symlink_to(corpus / "loop.txt")
    (corpus / "nowhere.txt").symlink_to(corpus / "missing.txt")
    documents, report = _read(corpus)
    assert list(documents) == ["a.txt"]
    refused = _refused(report)
    assert list(refused) == ["loop.txt", "nowhere.txt", "out.txt", "outdir"]
    assert "out of the folder" in refused["out.txt"]
    assert "out of the folder" in refused["outdir"]
    assert "circle" in refused["loop.txt"]
    assert report.links == 2


def test_hidden_and_unknown_files_are_counted(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.txt").write_text("text")
    for name in (".hidden.md", "~$open.docx", "a.png", "b.PNG", "noname", "a.txt"):
        (tmp_path / name).write_text("text")
    documents, report = _read(tmp_path)
    assert list(documents) == ["a.txt"]
    assert report.summary() == "1 read, 3 of unknown kind (no suffix 1, .png 2), 3 hidden"


def test_odd_names_are_kept_and_shown_safely(tmp_path: Path):
    for name in ("naïve %20 #1.txt", "line\nbreak.txt", "日本.md"):
        (tmp_path / name).write_text("text")
    (tmp_path / "bad\n.pdf").write_bytes(b"x")
    documents, report = _read(tmp_path)
    assert set(documents) == {"naïve %20 #1.txt", "line\nbreak.txt", "日本.md"}
    assert str(report.problems[0]).startswith(r"'bad\n.pdf': ")


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="file names are Unicode there")
def test_names_that_are_not_unicode_are_refused(tmp_path: Path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("text")
    (tmp_path / "a.txt").write_text("text")
    _, report = _read(tmp_path)
    assert str(report.problems[0]) == r"'caf\udce9.txt': the file's name is not valid Unicode; rename it"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "a.txt").write_text("text")
    assert _refused(_read(tmp_path)[1]) == {"pipe.txt": "is not a regular file"}


def test_files_and_folders_without_permission_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "closed").mkdir()
    for name in ("a.txt", "locked.txt", "vanishing.txt"):
        (tmp_path / name).write_text("text")

    def denying(function):
        def called(path: Path):
            if path.name in ("closed", "vanishing.txt"):
                raise PermissionError(13, "Permission denied")
            return function(path)

        return called

    monkeypatch.setattr(Path, "iterdir", denying(Path.iterdir))
    monkeypatch.setattr(Path, "read_bytes", denying(Path.read_bytes))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked.txt")
    documents, report = _read(tmp_path)
    assert list(documents) == ["a.txt"]
    assert set(_refused(report)) == {"closed", "locked.txt", "vanishing.txt"}
    assert all("permission" in message.lower() for message in _refused(report).values())


def test_another_encoding_reads_a_file_again_unless_it_is_utf8(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"Caf\xe9")
    (tmp_path / "b.txt").write_text("Café", encoding="utf-8")
    (tmp_path / "c.pdf").write_bytes(pdf("sound"))
    known = {path: document.sha256 for path, document in _read(tmp_path, encoding="cp1251")[0].items()}
    assert list(_read(tmp_path, encoding="cp1251", known=known)[1].unchanged) == ["a.txt", "b.txt", "c.pdf"]
    assert _read(tmp_path, encoding="cp1252", known=known)[0]["a.txt"].text == "Café"
    assert list(_read(tmp_path, encoding="cp1252", known=known)[1].unchanged) == ["b.txt", "c.pdf"]


def test_unchanged_files_are_not_read_again(tmp_path: Path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "b.txt").write_text("old")
    known = {path: document.sha256 for path, document in _read(tmp_path)[0].items()}
    (tmp_path / "b.txt").write_text("new")
    documents, report = _read(tmp_path, known=known)
    assert list(documents) == ["b.txt"]
    assert report.unchanged == ["a.txt"]
    (tmp_path / "b.txt").unlink()
    assert _read(tmp_path, known=known)[0] == {}


@pytest.mark.parametrize("names", [[], ["a.png", ".hidden.txt"], ["broken.pdf"]])
def test_an_empty_corpus_is_an_error_that_says_what_was_there(tmp_path: Path, names: list[str]):
    for name in names:
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match="no document could be read") as raised:
        _read(tmp_path)
    assert all(name in str(raised.value) for name in names if name == "broken.pdf")


@pytest.mark.parametrize("name", ["missing", "a.png"])
def test_a_wrong_root_is_an_error(tmp_path: Path, name: str):
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(InputError, match=name):
        _read(tmp_path / name)
