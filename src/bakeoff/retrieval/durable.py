"""Files that must survive a power cut and say when they have changed: forced to the disk, with their SHA-256."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path


def settle(folder: Path) -> dict[str, str]:
    """Force all files and folders below `folder` to the disk; SHA-256 of each file by posix path, relative to it."""
    checksums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
            checksums[path.relative_to(folder).as_posix()] = _sha256(path)
    sync_folder(folder)
    return checksums


def sync_file(path: Path) -> None:
    """Force a file to the disk."""
    with path.open("r+b") as file:  # Windows forces only files that are open for writing
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk; Windows does so by itself and cannot be told to."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def changed(folder: Path, checksums: Mapping[str, str]) -> list[Path]:
    """The files of `checksums` that are missing below `folder` or no longer have that SHA-256."""
    paths = {folder / name: sha256 for name, sha256 in checksums.items()}
    return [path for path, sha256 in paths.items() if not path.is_file() or _sha256(path) != sha256]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
