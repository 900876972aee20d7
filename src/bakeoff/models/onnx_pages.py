"""Memory that loading a model leaves behind."""

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

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
        before = [place for place, _ in _mapped(folder)]
        yield
        for place, is_changed in _mapped(folder):
            overlaps = any(place.start < earlier.stop and earlier.start < place.stop for earlier in before)
            if not (is_changed or overlaps):
                advise = ctypes.CDLL(None).madvise
                advise(ctypes.c_void_p(place.start), ctypes.c_size_t(len(place)), mmap.MADV_DONTNEED)


def _mapped(folder: Path) -> list[tuple[range, bool]]:
    """The addresses at which files of the folder lie, and whether this process has changed something there."""
    if sys.platform != "linux":
        return []
    import psutil

    maps = psutil.Process().memory_maps(grouped=False)
    own = [part for part in maps if Path(part.path).parent == folder.resolve()]
    ends = [[int(address, 16) for address in part.addr.split("-")] for part in own]
    return [(range(start, end), bool(part.anonymous)) for part, (start, end) in zip(own, ends, strict=True)]
