"""Documents of a folder: found, read, and none of them able to spoil the rest."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import InputError
from bakeoff.retrieval.files import SourceFile, find_files
from bakeoff.retrieval.readers import READERS, TEXT
from bakeoff.retrieval.reading_report import Problem, ReadingReport
from bakeoff.retrieval.sections import Section

MAX_BYTES = 50_000_000


@dataclass(frozen=True)
class Document:
    """A read file: posix path relative to the corpus, title (never empty), SHA-256 (see `_digest`), and its text."""

    path: str
    title: str
    sha256: str
    sections: tuple[Section, ...]

    @property
    def text(self) -> str:
        """The sections' texts, parted by blank lines, without headings; `Chunk.start` counts its characters."""
        return "\n\n".join(section.text for section in self.sections)


def read_documents(
    root: Path,
    report: ReadingReport,
    *,
    max_bytes: int = MAX_BYTES,
    encoding: str | None = None,
    known: Mapping[str, str] | None = None,
) -> Iterator[Document]:
    """Yield the Markdown, text, HTML, PDF and DOCX documents below a folder (or the one file), ordered by path.

    max_bytes: larger files are refused unread. encoding: of text files that are not UTF-8 and declare nothing; without
    it they are refused. known: `Document.sha256` by path; files that still have it are listed in `report.unchanged` and
    not read again. Faults of single files go to `report`. Raises InputError where `root` is not there or, at the end,
    where it holds no document that could be read.
    """
    known = known or {}
    for file in find_files(root, report, READERS.keys(), max_bytes):
        try:
            data = file.location.read_bytes()
            sha256 = _digest(file, data, encoding)
            if known.get(file.path) == sha256:
                report.unchanged.append(file.path)
                continue
            document, notes = _parse(file, data, sha256, encoding)
        except OSError as error:
            report.refuse(file.path, f"cannot be read ({error.strerror})")
            continue
        except InputError as error:
            report.refuse(file.path, str(error))
            continue
        report.read += 1
        report.notes.extend(Problem(file.path, note) for note in notes)
        yield document
    check_any(root, report)


def check_any(root: Path, report: ReadingReport) -> None:
    """Raises InputError where no document of the corpus could be taken in."""
    if not (report.read or report.unchanged):
        details = "".join(f"\n  {problem}" for problem in report.problems[:10])
        raise InputError(f"{root}: no document could be read ({report.summary()}){details}")


def _digest(file: SourceFile, data: bytes, encoding: str | None) -> str:
    """SHA-256 of the bytes, and of the encoding they were read in where it was asked for: another reads other text."""
    digest = hashlib.sha256(data)
    if encoding and file.location.suffix.lower() in TEXT:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            digest.update(encoding.lower().encode())
    return digest.hexdigest()


def _parse(file: SourceFile, data: bytes, sha256: str, encoding: str | None) -> tuple[Document, tuple[str, ...]]:
    content = READERS[file.location.suffix.lower()](data, file.location.stem, encoding)
    if not content.sections:
        raise InputError("has no text")
    return Document(file.path, content.title, sha256, content.sections), content.notes
