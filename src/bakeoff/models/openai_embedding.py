"""Embeddings behind an endpoint that speaks the OpenAI protocol: Azure OpenAI, OpenAI, serverless, local servers."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError, PromptTooLongError
from bakeoff.models.base import ModelIdentity
from bakeoff.models.embedding import check_texts
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.openai_client import connect
from bakeoff.models.openai_errors import endpoint_error, is_prompt_too_long

MOST_TEXTS = 128
MOST_CHARACTERS = 250_000
"""Of one request; OpenAI takes 2,048 texts and 300,000 tokens, and a token is seldom less than a character."""


class OpenAIEmbeddingModel:
    """An `EmbeddingModel` (see bakeoff.models.embedding) on an endpoint; `model` is the deployment or model to ask for.

    max_tokens is None: the protocol does not tell it, and an endpoint refuses what is too long.
    Raises InputError when neither the call nor the endpoint names a model.
    """

    max_tokens: int | None = None

    def __init__(self, endpoint: Endpoint, model: str = ""):
        name = model or endpoint.model
        if not name:
            raise InputError(f"{endpoint.source} names no model: give the name of the embedding deployment or model")
        from openai import OpenAIError

        self.endpoint = endpoint
        self.identity = ModelIdentity(name, endpoint.kind)
        self._client = connect(endpoint)
        self._failures = (OpenAIError, ValueError)
        self._dimension: int | None = None

    @property
    def dimension(self) -> int:
        """Length of a vector, from the first answer; asks with one word where there was none. Raises as `embed`."""
        if self._dimension is None:
            self._request(["dimension"])
        assert self._dimension is not None
        return self._dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [len(texts), dimension].

        Raises InputError for an empty text (endpoints refuse it), PromptTooLongError for one that the model does not
        take, and EndpointError when the endpoint fails or its answer does not fit the request.
        """
        check_texts(texts)
        for number, text in enumerate(texts, 1):
            if not text:
                raise InputError(f"text {number} to embed is empty: endpoints refuse it, leave it out")
        vectors = [self._request(batch) for batch in batches(texts)]
        return np.concatenate(vectors) if vectors else np.empty((0, self.dimension), dtype=np.float32)

    def _request(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One request, repeated by the SDK where that helps; the generic `post` is not traced by promptflow."""
        body = {"model": self.identity.name, "input": list(texts), "encoding_format": "float"}
        try:
            answer = self._client.post("/embeddings", cast_to=object, body=body)
            vectors = read_vectors(answer, len(texts))
            if self._dimension not in (None, vectors.shape[1]):
                raise ValueError(f"vectors of {vectors.shape[1]} numbers, {self._dimension} before")
        except self._failures as error:
            explained = endpoint_error(error, self.endpoint, self.identity.name)
            if is_prompt_too_long(error):
                raise PromptTooLongError(f"a text is too long to embed, use smaller chunks: {explained}") from None
            raise explained from None
        self._dimension = vectors.shape[1]
        return vectors


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, in requests of at most MOST_TEXTS texts and MOST_CHARACTERS characters (or one text)."""
    start = size = 0
    for end, text in enumerate(texts):
        if end > start and (end - start == MOST_TEXTS or size + len(text) > MOST_CHARACTERS):
            yield texts[start:end]
            start, size = end, 0
        size += len(text)
    if start < len(texts):
        yield texts[start:]


def read_vectors(answer: Any, expected: int) -> NDArray[np.float32]:
    """The vectors of an answer ordered by `index` and scaled to length 1, [expected, dimension].

    Raises ValueError where they are not that many, of different lengths, not numbers or of length 0.
    See https://platform.openai.com/docs/api-reference/embeddings.
    """
    try:
        items = {int(item["index"]): item["embedding"] for item in answer["data"]}
    except (KeyError, TypeError) as error:
        raise ValueError(f"an answer without data, index or embedding: {error}") from None
    if sorted(items) != list(range(expected)) or len(answer["data"]) != expected:
        raise ValueError(f"{len(answer['data'])} vectors for {expected} texts, or wrong indices")
    try:
        vectors = np.array([items[row] for row in range(expected)], dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError("vectors of different lengths, or not of numbers") from None
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True) if vectors.ndim == 2 else np.zeros(1)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("a vector that is empty, zero or not finite")
    scaled: NDArray[np.float32] = vectors / lengths
    return scaled
