"""Copy a model from a local directory."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from bakeoff.catalog.entries import FolderSource
from bakeoff.catalog.manifest import file_names, record
from bakeoff.catalog.progress import Report
from bakeoff.catalog.sources import Fetched
from bakeoff.errors import DownloadError


def fetch(source: FolderSource, wanted: Collection[str] | None, downloads: Path, report: Report) -> Fetched:
    """Copy the `wanted` files, or all that are not hidden. Raises DownloadError where they are not there."""
    origin = Path(os.path.expandvars(source.path)).expanduser()
    if not origin.is_dir():
        raise DownloadError(f"there is no folder {origin}")
    present = [name for name in file_names(origin) if not any(part.startswith(".") for part in name.split("/"))]
    names = present if wanted is None else sorted(wanted)
    if missing := sorted(set(names) - set(present)) or ([] if names else ["any file"]):
        raise DownloadError(f"{origin} does not hold {', '.join(missing)}")
    report(f"copying {len(names)} file{'s' if len(names) > 1 else ''} from {origin}")
    target = downloads / "folder"
    if target.exists():
        shutil.rmtree(target)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin / name, target / name)
    return Fetched(target, {name: record(target / name) for name in names})
