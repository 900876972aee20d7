"""The manifest of a pulled model (`bakeoff.json`): what the folder holds, and checks against it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bakeoff.errors import ModelCorruptError

MANIFEST = "bakeoff.json"
SMALL_FILE = 4 << 20
"""Bytes up to which even the quick check hashes a file: configuration, templates, most tokenizers; not weights."""


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and sha256 (hex) of a file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Where a model folder came from and what is in it.

    source: the catalog source that gave the bytes. revision: the hub's commit, or the sha256 of the imported weights,
    or empty for a local folder. importer: conversion and version, None where there was none. created: UTC, ISO 8601.
    files: by path relative to the folder, with forward slashes; the manifest itself is not listed.
    """

    name: str
    source: str
    revision: str
    importer: str | None
    created: str
    files: Mapping[str, FileRecord]


@dataclass(frozen=True)
class Problem:
    """What is wrong with one file of a model folder."""

    kind: Literal["missing", "damaged", "extra"]
    file: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.file} is {self.kind}" + (f" ({self.detail})" if self.detail else "")


def record(path: Path) -> FileRecord:
    """Size and sha256 of a file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileRecord(path.stat().st_size, digest)


def file_names(folder: Path) -> list[str]:
    """Relative names of all files in a folder but the manifest, sorted, with forward slashes."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in names if name != MANIFEST)


def write(
    folder: Path, *, name: str, source: str, revision: str, importer: str | None, files: Mapping[str, FileRecord]
) -> None:
    """Write the manifest into a finished folder; it is the last file of a build."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(name, source, revision, importer, created, dict(sorted(files.items())))
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """The manifest of a folder. Raises ModelCorruptError where it is missing or unreadable."""
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        files = {name: FileRecord(**value) for name, value in data.pop("files").items()}
        return Manifest(files=files, **data)
    except FileNotFoundError:
        raise ModelCorruptError(f"{folder} has no {MANIFEST}: it is not a complete model that Bakeoff pulled") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelCorruptError(f"{path} cannot be read: {error}") from error


def quick_problems(folder: Path, manifest: Manifest) -> list[Problem]:
    """Missing files, wrong sizes and changed small files: fast enough for every load, blind to changes in weights."""
    problems = []
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            problems.append(Problem("missing", name))
        elif (size := path.stat().st_size) != expected.size:
            problems.append(Problem("damaged", name, f"{size:,} bytes, expected {expected.size:,}"))
        elif size <= SMALL_FILE and record(path) != expected:
            problems.append(Problem("damaged", name, "its sha256 differs from the one recorded"))
    return problems


def all_problems(folder: Path, manifest: Manifest) -> list[Problem]:
    """Every file hashed against the manifest, and files that are not in it."""
    problems = quick_problems(folder, manifest)
    seen = {problem.file for problem in problems}
    for name, expected in manifest.files.items():
        if name not in seen and expected.size > SMALL_FILE and record(folder / name) != expected:
            problems.append(Problem("damaged", name, "its sha256 differs from the one recorded"))
    extra = (name for name in file_names(folder) if name not in manifest.files)
    return problems + [Problem("extra", name, "not part of the model as it was pulled") for name in extra]
