"""Training and validation rows without leakage: near-duplicates stay on one side."""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError
from bakeoff.finetuning.examples import SHOWN, Example, normalised

NEAR_DUPLICATE = 0.6
"""Share of common character 5-grams of two questions (Jaccard) from which on they are near-duplicates."""
GRAM = 5
ROWS_AT_ONCE = 512


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Training and validation rows: groups of near-duplicates are dealt as a whole until `share` is reached.

    Raises InputError where all rows are near-duplicates of one another.
    """
    groups = near_duplicates([example.question for example in examples])
    order = list(groups)
    random.Random(seed).shuffle(order)
    wanted = max(1, round(share * len(examples)))
    validation: set[int] = set()
    for group in order:
        if len(validation) < wanted and len(validation) + len(group) <= len(examples) - wanted:
            validation.update(group)
    if not validation:
        raise InputError(
            f"{len(examples)} rows are near-duplicates of one another (similarity {NEAR_DUPLICATE}): nothing can be "
            "held back for validation; write rows that differ"
        )
    return (
        [example for i, example in enumerate(examples) if i not in validation],
        [example for i, example in enumerate(examples) if i in validation],
    )


def check_leakage(train: Sequence[Example], test: Sequence[Example], train_file: Path, test_file: Path) -> None:
    """Raises InputError naming the rows of the training file that are (nearly) rows of the test file."""
    similar = _similarities([e.question for e in train], [e.question for e in test])
    found = []
    for start, block in similar:
        for i, j in zip(*np.nonzero(block >= NEAR_DUPLICATE), strict=True):
            found.append(f"{train[start + i].id} (line {train[start + i].line}) is {test[j].id} (line {test[j].line})")
    if found:
        more = [f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        head = f"{train_file} holds {len(found)} questions of {test_file}, or nearly: the test would prove nothing"
        raise InputError("\n  ".join([head, *found[:SHOWN], *more]))


def near_duplicates(texts: Sequence[str]) -> list[list[int]]:
    """Indices of the texts, grouped: what is a near-duplicate of a member belongs to the group."""
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for start, block in _similarities(texts, texts):
        for i, j in zip(*np.nonzero(block >= NEAR_DUPLICATE), strict=True):
            parent[root(start + int(i))] = root(int(j))
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(texts)):
        groups[root(i)].append(i)
    return list(groups.values())


def _similarities(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, NDArray[np.float64]]]:
    """(first row, Jaccard similarities [rows, right]) for blocks of `left`."""
    from scipy.sparse import csr_matrix

    vocabulary: dict[str, int] = {}

    def matrix(texts: Sequence[str]) -> csr_matrix:
        rows: list[int] = []
        columns: list[int] = []
        for i, text in enumerate(texts):
            grams = {vocabulary.setdefault(gram, len(vocabulary)) for gram in _grams(text)}
            rows += [i] * len(grams)
            columns += grams
        return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), 2 << 24))

    a, b = matrix(left), matrix(right)
    sizes_a, sizes_b = np.asarray(a.sum(axis=1)).ravel(), np.asarray(b.sum(axis=1)).ravel()
    blocks = []
    for start in range(0, len(left), ROWS_AT_ONCE):
        common = (a[start : start + ROWS_AT_ONCE] @ b.T).toarray()
        blocks.append((start, common / (sizes_a[start : start + ROWS_AT_ONCE, None] + sizes_b - common)))
    return blocks


def _grams(text: str) -> set[str]:
    padded = f"  {normalised(text)}  "
    return {padded[i : i + GRAM] for i in range(max(1, len(padded) - GRAM + 1))}
