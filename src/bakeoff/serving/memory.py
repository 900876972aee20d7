"""What a model needs of this machine: an estimate before it is loaded."""

import os
from pathlib import Path

import psutil

from bakeoff.errors import BakeoffError

PROCESS_BYTES = 150_000_000
STREAM_BYTES = 60_000_000
CGROUP = Path("/sys/fs/cgroup")
STREAMS = 8
"""Answers at once where nobody says how many."""
COPIES = 1.1
"""Of the weights: onnxruntime keeps a packed copy of its own, and the file's pages only while it loads.

Measured by perf/serve.py: SmolLM2 (115 MB) takes 230 MB with one stream and 20 to 40 MB more for each other one.
"""


def needed(folder: Path, streams: int = 1) -> int:
    """Bytes of memory that the model in `folder` needs with that many streams."""
    weights = sum(path.stat().st_size for path in folder.iterdir() if ".onnx" in path.name)
    return int(COPIES * weights) + PROCESS_BYTES + streams * STREAM_BYTES


def free() -> int:
    """Bytes that can be had without swapping, within the limit of a container (cgroup v2) where there is one.

    Pages of files that were not used lately do not count as used: the kernel takes them back first.
    """
    available = psutil.virtual_memory().available
    try:
        limit, used, stat = ((CGROUP / f"memory.{name}").read_text() for name in ("max", "current", "stat"))
        if limit.strip() == "max":
            return available
        reclaimable = dict(line.split() for line in stat.splitlines())["inactive_file"]
        return min(available, int(limit) - int(used) + int(reclaimable))
    except (OSError, ValueError, KeyError):
        return available


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_room(folder: Path, streams: int, budget: int) -> None:
    """Raises BakeoffError with the figures where the model does not fit into `budget` bytes."""
    wanted = needed(folder, streams)
    if wanted > budget:
        raise BakeoffError(
            f"{folder.name} needs about {wanted / 1e9:.1f} GB with {streams} streams, and there are {budget / 1e9:.1f} "
            "GB for it: end other programs, or take a smaller model or fewer streams"
        )
