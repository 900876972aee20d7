"""Memory that loading a model leaves behind."""

import ctypes
import mmap
import sys
from pathlib import Path


def release(folder: Path) -> None:
    """Give back the pages of the files in `folder` that this process has mapped and not changed (Linux).

    ONNX Runtime maps weights, reads most of them once to pack them into memory of its own, and keeps the mapping: what
    was read would count as this process's for good. A page that is needed after all is read again.
    """
    if sys.platform != "linux":
        return
    import psutil

    advise = ctypes.CDLL(None).madvise
    for part in psutil.Process().memory_maps(grouped=False):
        if Path(part.path).parent == folder.resolve() and not part.anonymous:
            start, end = (int(address, 16) for address in part.addr.split("-"))
            advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)
