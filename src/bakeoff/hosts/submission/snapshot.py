"""The files of a flow as a cloud run uploads them."""

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from promptflow._sdk._utilities.general_utils import PromptflowIgnoreFile
from promptflow._sdk.operations import FlowOperations

FLOW_FILE = "flow.dag.yaml"


@dataclass(frozen=True)
class SentFile:
    """path: as the cloud sees it, with `/`. size: bytes."""

    path: str
    size: int
    sha256: str


def stage(flow: Path, target: Path) -> Path:
    """Copy the flow with its additional includes, without what it ignores, to a new folder; the flow is not touched.

    `.amlignore` says what is ignored, `.gitignore` where there is none (Prompt Flow 1.18.5); its patterns hold for the
    included folders as well.
    """
    ignored = PromptflowIgnoreFile(flow)
    with FlowOperations._resolve_additional_includes(flow / FLOW_FILE) as resolved:
        folder = resolved.parent

        def excluded(where: str, names: list[str]) -> list[str]:
            return [name for name in names if ignored.is_file_excluded(flow / Path(where).relative_to(folder) / name)]

        return Path(shutil.copytree(folder, target, ignore=excluded))


def sent_files(root: Path) -> list[SentFile]:
    """Every file below a folder, or the file itself, in the order of the paths."""
    paths = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    base = root.parent if root.is_file() else root
    return [SentFile(path.relative_to(base).as_posix(), path.stat().st_size, _sha256(path)) for path in paths]


def total_size(files: Iterable[SentFile]) -> int:
    """Bytes of all files."""
    return sum(file.size for file in files)


def content_digest(files: Iterable[SentFile]) -> str:
    """sha256 of paths and contents; times and rights do not count."""
    lines = "".join(f"{file.path}\0{file.sha256}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
