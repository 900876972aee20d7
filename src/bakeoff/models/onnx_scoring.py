"""Logits of given texts with their common prefix computed once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.models.onnx_decoder import NUMPY_TYPES, Caches, Decoder
from bakeoff.models.onnx_text import Ids

Logits = NDArray[np.float32]

TOKENS_AT_ONCE = 128
"""ONNX Runtime multiplies quantised weights with tiles of 128 rows. A single row, also the one left over of 129 or 257,
goes through another kernel that rounds differently: by up to 0.7 in a logit of SmolLM2-135M. Even pieces of at most
128 rows have no such row. It also bounds the memory of the logits of graphs that give those of all positions."""
CAPACITY_STEP = 512


class PrefixScorer:
    """Remembers the last sequence and its cache. Not for several threads at once.

    decoder: of a graph that gives logits of more positions than the last. context: in tokens.
    """

    def __init__(self, decoder: Decoder, context: int):
        self._decoder, self._context = decoder, context
        self._caches: Caches = None
        self._capacity = 0
        self._ids: Ids = np.zeros(0, dtype=np.int32)
        self.computed = 0
        """Tokens that went through the model so far."""

    def logits(self, shared: Ids, own: Ids) -> Logits:
        """The logits in front of each token of `own` after the tokens `shared`, [len(own), vocabulary].

        What `shared` and the last call have in common is not computed again. No piece has one row where the text has
        two (see TOKENS_AT_ONCE), so a text has the same logits whatever was asked before it.
        """
        given = np.concatenate([shared, own[:-1]])
        first_wanted = len(shared) - 1
        self._reserve(len(given))
        start = max(0, min(_common(self._ids, given), first_wanted, len(given) - 2))
        pieces = -(-(len(given) - start) // TOKENS_AT_ONCE)
        collected = []
        for piece in np.array_split(given[start:], pieces):
            first = max(0, min(first_wanted - start, len(piece) - 1))
            rows = self._run(piece, start, first)
            start += len(piece)
            if start > first_wanted:
                collected.append(rows)
        self._ids = given
        return np.concatenate(collected).astype(np.float32, copy=False)

    def _run(self, piece: Ids, start: int, first: int) -> NDArray[Any]:
        """Logits from row `first` of the piece on, which follows the `start` tokens in the cache."""
        known, self._ids = self._ids, self._ids[:0]  # after an error the cache holds half of something
        rows: NDArray[Any] = self._decoder.run(piece[None], [start], self._caches, first)[0]
        self._ids = known
        self.computed += len(piece)
        return rows

    def _reserve(self, tokens: int) -> None:
        """Make the buffers long enough; new ones hold nothing."""
        if tokens <= self._capacity:
            return
        self._capacity = min(-(-tokens // CAPACITY_STEP) * CAPACITY_STEP, self._context)
        self._ids = self._ids[:0]
        buffers = {}
        for past in self._decoder.past_to_present:
            tensor = self._decoder.inputs[past]
            shape = (1, tensor.shape[1], self._capacity, tensor.shape[3])
            buffers[past] = np.zeros(shape, dtype=NUMPY_TYPES[tensor.type])
        self._caches = self._decoder.bind(buffers)


def _common(a: Ids, b: Ids) -> int:
    """The length of the longest common prefix."""
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if len(different) else n


def single_tokens_together(pairs: Sequence[tuple[Ids, Ids]]) -> bool:
    """Whether all pairs have the same prefix and one token each, so that one row of logits scores them all."""
    return all(len(own) == 1 and np.array_equal(shared, pairs[0][0]) for shared, own in pairs)
