"""Where pulled models live, and the lock and the staging area of a pull."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bakeoff.catalog.progress import Report


def cache_folder() -> Path:
    """The folder that BAKEOFF_CACHE names, else bakeoff's in the platform's cache folder."""
    root = os.environ.get("BAKEOFF_CACHE")
    if root:
        return Path(root).expanduser().absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("bakeoff"))


def models_folder() -> Path:
    """`models` in the cache folder."""
    return cache_folder() / "models"


def folder_of(name: str) -> Path:
    """The folder of a pulled model, whether it is there or not."""
    return models_folder() / name


@contextmanager
def staging(name: str, report: Report) -> Iterator[Path]:
    """Hold the model's lock and give its staging folder, next to the final one on the same disk.

    What an interrupted build left is removed; `downloads` inside is kept, so that big files can go on.
    """
    from filelock import FileLock, Timeout

    root = models_folder()
    for folder in (root / ".locks", root / ".staging"):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ".locks" / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(f"another process is pulling {name}: waiting for it")
        lock.acquire()
    stage = root / ".staging" / name
    try:
        for leftover in ("build", "old"):
            if (stage / leftover).exists():
                report(f"removing what an interrupted pull of {name} left")
                shutil.rmtree(stage / leftover)
        stage.mkdir(exist_ok=True)
        yield stage
    finally:
        with suppress(OSError):  # only an empty one goes
            stage.rmdir()
        lock.release()


def install(stage: Path, final: Path) -> None:
    """Move `build` of the staging folder to its final place in one step and remove the rest of the staging folder."""
    if final.exists():
        final.replace(stage / "old")
    (stage / "build").replace(final)
    shutil.rmtree(stage)
