"""The key-value caches of several texts as rows of the arrays that ONNX Runtime takes."""

import math
import mmap
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.models.onnx_decoder import NUMPY_TYPES, Caches, Decoder

CAPACITY_STEP = 256


class Rows:
    """`most` rows of a cache of `capacity` tokens each; memory is taken page by page as it is written to."""

    def __init__(self, decoder: Decoder, most: int):
        self.capacity = 0
        self._decoder, self._most = decoder, most
        self._memory: dict[str, mmap.mmap] = {}
        self._arrays: dict[str, NDArray[Any]] = {}
        self._bound: dict[tuple[int, int], Caches] = {}

    def reserve(self, tokens: int, used: Sequence[int]) -> None:
        """Make every row long enough, with the `used` tokens of the first ones kept."""
        if tokens <= self.capacity:
            return
        self.capacity = -(-tokens // CAPACITY_STEP) * CAPACITY_STEP
        old, self._bound = self._arrays, {}
        for past in self._decoder.past_to_present:
            tensor = self._decoder.inputs[past]
            shape = (self._most, tensor.shape[1], self.capacity, tensor.shape[3])
            memory = _pages(math.prod(shape) * np.dtype(NUMPY_TYPES[tensor.type]).itemsize)
            array = np.frombuffer(memory, NUMPY_TYPES[tensor.type]).reshape(shape)
            for row, length in enumerate(used):
                array[row, :, :length] = old[past][row, :, :length]
            self._memory[past], self._arrays[past] = memory, array

    def caches(self, first: int, count: int) -> Caches:
        """Rows for a run of the decoder."""
        if (first, count) not in self._bound:
            parts = {past: array[first : first + count] for past, array in self._arrays.items()}
            self._bound[first, count] = self._decoder.bind(parts)
        return self._bound[first, count]

    def copy(self, row: int, tokens: int) -> dict[str, NDArray[Any]]:
        """The first tokens of a row."""
        return {past: array[row, :, :tokens].copy() for past, array in self._arrays.items()}

    def paste(self, row: int, tokens: Mapping[str, NDArray[Any]]) -> None:
        """Let a row begin with what `copy` gave."""
        for past, array in tokens.items():
            self._arrays[past][row, :, : array.shape[1]] = array

    def release(self, row: int) -> None:
        """Give the memory of a row back, where the system can (Linux): it is zeros again."""
        if not hasattr(mmap, "MADV_DONTNEED"):
            return
        for past, memory in self._memory.items():
            size = self._arrays[past][row].nbytes
            start, end = -(-row * size // mmap.PAGESIZE), (row + 1) * size // mmap.PAGESIZE
            if end > start:
                memory.madvise(mmap.MADV_DONTNEED, start * mmap.PAGESIZE, (end - start) * mmap.PAGESIZE)


def _pages(size: int) -> mmap.mmap:
    """Bytes of zeros."""
    if os.name == "posix":
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return mmap.mmap(-1, size)
