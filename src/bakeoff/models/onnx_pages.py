"""Memory that loading a model leaves behind."""

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

_one_at_a_time = Lock()


@contextmanager
def given_back(folder: Path) -> Iterator[None]:
    """Give back the pages of files in `folder` that the block maps, keeps mapped and does not change (Linux).

    ONNX Runtime maps weights, reads most of them once to pack them into memory of its own, and keeps the mapping: what
    was read would count as this process's for good. A page that is needed after all is read again.

    What was mapped before the block is left alone: its owner may let go of it at any time, and then the same addresses
    hold other memory, which would be wiped.
    """
    with _one_at_a_time:
        before = {part.addr for part in _mapped(folder)}
        yield
        for part in _mapped(folder):
            if part.addr not in before and not part.anonymous:
                start, end = (int(address, 16) for address in part.addr.split("-"))
                ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _mapped(folder: Path) -> list[Any]:
    if sys.platform != "linux":
        return []
    import psutil

    maps = psutil.Process().memory_maps(grouped=False)
    return [part for part in maps if Path(part.path).parent == folder.resolve()]
