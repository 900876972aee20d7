"""The vector side of a local index: one faiss file, opened by memory map."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.models.onnx_runtime import thread_count
from bakeoff.retrieval.store import Store

SCAN_ALL = 50_000  # rows; below, all are compared and the result is exact (perf/RESULTS.md)
VISITED = 0.06  # share of the inverted lists that one query looks into
_TRAINING = 64  # rows for each list
_BLOCK = 20_000  # rows in memory at a time


def build_vectors(store: Store, path: Path, dimension: int) -> None:
    """Write the faiss index of all vectors of a store, by row number.

    Up to SCAN_ALL rows they are kept as they are, above as 8-bit scalars in 2 sqrt(rows) inverted lists.
    """
    import faiss

    rows = store.rows()
    lists = int(2 * len(rows) ** 0.5)
    kind = "IVF1,Flat" if len(rows) <= SCAN_ALL else f"IVF{lists},SQ8"
    index: Any = faiss.index_factory(dimension, kind, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 8
    index.cp.min_points_per_centroid = 1
    sample = np.random.default_rng(0).choice(rows, min(len(rows), _TRAINING * lists), replace=False)
    index.train(_read(store, np.sort(sample), dimension)[1])
    for start in range(0, len(rows), _BLOCK):
        owners, vectors = _read(store, rows[start : start + _BLOCK], dimension)
        index.add_with_ids(vectors, owners)
    faiss.write_index(index, str(path))


def _read(store: Store, rows: NDArray[np.int64], dimension: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    blocks = [store.vectors(rows[start : start + _BLOCK].tolist(), dimension) for start in range(0, len(rows), _BLOCK)]
    owners, vectors = zip(*blocks, strict=True)
    return np.concatenate(owners), np.concatenate(vectors)


class Vectors:
    """A faiss index as `build_vectors` wrote it; processes that open the same file share its memory."""

    def __init__(self, path: Path):
        import faiss

        flags = faiss.IO_FLAG_MMAP if sys.platform != "win32" else faiss.IO_FLAG_MMAP_IFC
        faiss.omp_set_num_threads(thread_count())
        index: Any = faiss.read_index(str(path), flags | faiss.IO_FLAG_READ_ONLY)
        index.nprobe = max(1, int(index.nlist * VISITED))
        self._index = index

    def search(self, vector: NDArray[np.float32], top_k: int) -> dict[int, float]:
        """Cosine by row, that of its nearest vector, best first, at most top_k."""
        count = top_k
        while True:
            scores, rows = self._index.search(vector[None], count)
            found: dict[int, float] = {}
            for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True):
                if row >= 0:
                    found.setdefault(row, score)
            if len(found) >= top_k or rows[0][-1] < 0:
                return dict(list(found.items())[:top_k])
            count *= 4  # several of the nearest vectors were of one row
