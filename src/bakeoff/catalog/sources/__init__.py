"""One module for each kind of source; each fetches files into a folder and says what they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bakeoff.catalog.manifest import FileRecord


@dataclass(frozen=True)
class Fetched:
    """Files of a source, complete in `folder`, with their sizes and hashes. revision: the hub's commit, else empty."""

    folder: Path
    files: Mapping[str, FileRecord]
    revision: str = ""
