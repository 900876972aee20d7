"""Levenshtein's edit distance of two sequences, with numpy only."""

from collections.abc import Hashable, Sequence

import numpy as np


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions of one item that turn the first sequence into the second.

    A string is a sequence of code points. Time grows with the product of the lengths (2,000 x 2,000 characters: about
    40 ms), memory with their sum. Source: Levenshtein 1966, "Binary codes capable of correcting deletions, insertions,
    and reversals"; the row-by-row table of Wagner and Fischer 1974.
    """
    codes: dict[Hashable, int] = {}
    rows = [codes.setdefault(item, len(codes)) for item in first]
    columns = np.array([codes.setdefault(item, len(codes)) for item in second], dtype=np.int64)
    offsets = np.arange(len(second) + 1)
    distances = offsets
    for code in rows:
        best = distances + 1
        best[1:] = np.minimum(best[1:], distances[:-1] + (columns != code))
        distances = np.minimum.accumulate(best - offsets) + offsets
    return int(distances[-1])
