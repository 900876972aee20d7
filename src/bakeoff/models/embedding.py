"""The one interface of every embedding model: texts in, unit vectors out."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError
from bakeoff.models.base import ModelIdentity


class EmbeddingModel(Protocol):
    """A model that turns texts into vectors whose dot product is their cosine similarity.

    max_tokens: of one text, None where an endpoint does not say. One instance serves many threads.
    """

    identity: ModelIdentity

    @property
    def dimension(self) -> int:
        """Length of a vector; an endpoint is asked for it once, and raises then as `embed` does."""
        ...

    @property
    def max_tokens(self) -> int | None: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [len(texts), dimension] in the order of the texts; no texts give [0, dimension].

        Raises InputError naming the text (counted from 1) that cannot be embedded, EndpointError when an endpoint
        gives no answer.
        """
        ...


def check_texts(texts: Sequence[str]) -> None:
    """Raises InputError for what is not text: one string in place of several, other types, half characters."""
    if isinstance(texts, str):
        raise InputError("embed takes a list of texts: put the one text into a list")
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise InputError(f"text {number} to embed is a {type(text).__name__}, not a string")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"text {number} to embed has half a character (a lone surrogate) at position {error.start}: "
                "it was cut or decoded wrongly"
            ) from None
