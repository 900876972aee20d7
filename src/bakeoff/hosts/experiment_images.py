"""Images that the rows of a data file name by a path relative to that file, as Prompt Flow reads them."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PATH = re.compile(r"data:image/[^;]+;path")


def from_anywhere(value: Any, folder: Path) -> Any:
    """The row (or a part of it) with absolute paths, for a copy of it that lies elsewhere. folder: of the data file."""
    return _change(value, lambda path: str((folder / path).resolve()))


def by_content(value: Any, folder: Path) -> Any:
    """The row (or a part of it) with a sha256 in place of each path: another picture is another row."""
    return _change(value, lambda path: _hash(folder / path))


def _change(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: change(part) if isinstance(part, str) and _PATH.fullmatch(key) else _change(part, change)
            for key, part in value.items()
        }
    return [_change(part, change) for part in value] if isinstance(value, list) else value


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else f"no file {path}"
