"""Which files of a folder belong to a corpus, decided without reading them."""

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import InputError
from bakeoff.retrieval.reading_report import ReadingReport


@dataclass(frozen=True)
class SourceFile:
    """A file of a corpus: its posix path relative to the corpus, and where it lies on this machine."""

    path: str
    location: Path


def find_files(root: Path, report: ReadingReport, suffixes: Collection[str], max_bytes: int) -> Iterator[SourceFile]:
    """Yield the files below `root` (or `root` itself, a file) that have one of the suffixes, in a fixed order.

    Links to folders are never followed. A link that leads out of the folder, in a circle or nowhere is a problem, any
    other names something that is found anyway, or a file that is not (hidden, of another suffix) and is found by the
    link: Kubernetes mounts files so. Files over `max_bytes`, empty, unreadable or special files are problems; hidden
    and unknown ones are counted. Raises InputError where `root` is not there or is a file of an unknown kind.
    """
    if not root.exists():
        raise InputError(f"{root}: there is no such file or folder")
    root = root.resolve()
    if root.is_file():
        if root.suffix.lower() not in suffixes:
            raise InputError(f"{root}: unknown kind of document; known are {', '.join(sorted(suffixes))}")
        if _is_sound(root, root.name, report, max_bytes):
            yield SourceFile(root.name, root)
        return
    waiting = [root]
    while waiting:
        location = waiting.pop()
        path = location.relative_to(root).as_posix()
        if location != root and _is_hidden(location.name):
            report.hidden += 1
        elif not _is_encodable(path):
            report.refuse(ascii(path), "the file's name is not valid Unicode; rename it")
        elif location.is_symlink() and not _is_own_name(location, path, root, report, suffixes):
            continue
        elif location.is_dir():
            try:
                waiting.extend(sorted(location.iterdir(), reverse=True))
            except OSError as error:
                report.refuse(path, f"the folder cannot be opened ({error.strerror}); check its permissions")
        elif location.suffix.lower() not in suffixes:
            report.unknown[location.suffix.lower()] += 1
        elif _is_sound(location, path, report, max_bytes):
            yield SourceFile(path, location)


def _is_encodable(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~$"))


def _is_own_name(link: Path, path: str, root: Path, report: ReadingReport, suffixes: Collection[str]) -> bool:
    """Whether a link is the only name by which a file of the corpus is found."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # a circle is a RuntimeError before Python 3.13
        report.refuse(path, "the symbolic link leads nowhere or in a circle; remove it")
        return False
    if not target.is_relative_to(root):
        report.refuse(path, "the symbolic link leads out of the folder; copy its target into the folder to include it")
        return False
    found = target.suffix.lower() in suffixes and not any(map(_is_hidden, target.relative_to(root).parts))
    if target.is_file() and not found:
        return True
    report.links += 1
    return False


def _is_sound(location: Path, path: str, report: ReadingReport, max_bytes: int) -> bool:
    try:
        status = location.stat()
    except OSError as error:
        report.refuse(path, f"cannot be opened ({error.strerror}); check its permissions")
        return False
    if not stat.S_ISREG(status.st_mode):
        report.refuse(path, "is not a regular file")
    elif status.st_size > max_bytes:
        report.refuse(
            path, f"is too large: {_megabytes(status.st_size)}, the limit is {_megabytes(max_bytes)}; split it"
        )
    elif status.st_size == 0:
        report.refuse(path, "is empty (0 bytes)")
    elif not os.access(location, os.R_OK):
        report.refuse(path, "cannot be opened (no permission to read it)")
    else:
        return True
    return False


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
