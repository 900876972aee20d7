"""Several texts of one model computed together: one run of the graph gives each its next token."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.models.onnx_decoder import Decoder
from bakeoff.models.onnx_rows import Rows
from bakeoff.models.onnx_text import Ids

LONGEST = 4096
"""Tokens of a text. Models with LongRoPE, such as Phi-3 of 128k, turn all rows of a run by other angles beyond."""


class Batch:
    """Up to `most` texts, a row each. Not for several threads at once.

    The last `head` that a text began with is kept and not computed again.
    """

    def __init__(self, decoder: Decoder, most: int):
        self._decoder = decoder
        self._rows = Rows(decoder, most)
        self._lengths: list[int] = []
        self._head: Ids = np.zeros(0, np.int32)
        self._head_cache: Mapping[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, ids: Ids, head: int, new_tokens: int) -> NDArray[Any]:
        """Read a prompt into the next row, with room for `new_tokens`: the logits after it, [vocabulary].

        The first `head` tokens are read in a run of their own where they are not those that are kept.
        """
        row = len(self)
        self._rows.reserve(len(ids) + new_tokens, self._lengths)
        if head and np.array_equal(self._head, ids[:head]):
            self._rows.paste(row, self._head_cache)
        elif head:
            self._run(ids[None, :head], [0], row)
            self._head, self._head_cache = ids[:head], self._rows.copy(row, head)
        logits: NDArray[Any] = self._run(ids[None, head:], [head], row)[0]
        self._lengths.append(len(ids))
        return logits

    def step(self, tokens: Sequence[int]) -> NDArray[Any]:
        """The logits after one more token of each row, [rows, vocabulary]."""
        logits = self._run(np.array(tokens)[:, None], self._lengths, 0)
        self._lengths = [length + 1 for length in self._lengths]
        return logits

    def remove(self, row: int) -> None:
        """End a row; the last one takes its place."""
        length, last = self._lengths.pop(), len(self)
        if row != last:
            self._rows.paste(row, self._rows.copy(last, length))
            self._lengths[row] = length
        self._rows.release(last)

    def _run(self, ids: NDArray[Any], known: Sequence[int], row: int) -> NDArray[Any]:
        """The logits after the last token of each of the rows from `row` on."""
        logits: NDArray[Any] = self._decoder.run(ids, known, self._rows.caches(row, len(ids)))[:, -1]
        return logits


def is_exact(decoder: Decoder, most: int) -> bool:
    """Whether rows have the same logits, to the last bit, computed together and alone; tried with random numbers.

    Kernels may differ between one row and several, and int8 graphs may scale the activations of all rows at once.
    """
    numbers = np.random.default_rng(0)
    lengths = range(2, 2 + most)
    tokens = numbers.integers(0, decoder.vocabulary, (most, 1), np.int32)
    rows = Rows(decoder, most)
    rows.reserve(lengths[-1] + 1, [])
    for row, length in enumerate(lengths):
        empty = rows.copy(row, length)
        rows.paste(row, {past: numbers.standard_normal(array.shape) for past, array in empty.items()})
    alone = [decoder.run(tokens[[row]], [lengths[row]], rows.caches(row, 1))[0] for row in range(most)]
    return all(
        np.array_equal(decoder.run(tokens[:count], lengths[:count], rows.caches(0, count)), alone[:count])
        for count in range(most, 1, -1)
    )
