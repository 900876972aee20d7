"""An embedding model without a model: words hashed into a vector, so that shared words make texts similar."""

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from bakeoff.errors import InputError
from bakeoff.models.base import ModelIdentity


class FakeEmbedding:
    """embedded: every text that was embedded, in order. refuses: texts with this word. before: called for each call."""

    max_tokens = None

    def __init__(
        self,
        name: str = "fake",
        dimension: int = 64,
        revision: str = "1",
        refuses: str = "",
        before: Callable[[], None] = lambda: None,
    ):
        self.identity = ModelIdentity(name, "test", revision)
        self.dimension = dimension
        self.embedded: list[str] = []
        self._refuses, self._before = refuses, before

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self._before()
        for number, text in enumerate(texts, 1):
            if self._refuses and self._refuses in text:
                raise InputError(f"text {number} is too long")
        vectors = np.full((len(texts), self.dimension), 0.01, np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, zlib.crc32(word.encode()) % self.dimension] += 1
        self.embedded += texts
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
