"""What every index offers, on this machine or in Azure: documents go in chunk by chunk, passages come out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError
from bakeoff.models.embedding import EmbeddingModel
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.documents import Document

Mode = Literal["hybrid", "vector", "keyword"]


@dataclass(frozen=True)
class IndexSettings:
    """What must be the same for everything in one index and for the questions asked of it.

    embedding, provider, revision: the identity of the embedding model (bakeoff.models.base.ModelIdentity); revision
    is empty where it is unknown. dimension: length of its vectors. max_tokens, overlap: of chunks, in its tokens.
    """

    embedding: str
    provider: str
    revision: str
    dimension: int
    max_tokens: int
    overlap: int


@dataclass(frozen=True)
class Hit:
    """A passage that was found.

    id, document, heading_path, page, context, text: as in bakeoff.retrieval.chunks.Chunk. score: what it was ranked
    by, comparable within one result only. similarity: cosine of question and passage, -1 to 1, in a local index the
    best of the whole passage and the rows of its tables; None where the engine did not compare vectors (keyword
    search).
    """

    id: str
    document: str
    heading_path: tuple[str, ...]
    page: int | None
    context: str
    text: str
    score: float
    similarity: float | None


class SearchEngine(Protocol):
    """An index that can be asked; one instance serves many threads."""

    settings: IndexSettings

    def search(self, text: str, vector: NDArray[np.float32] | None, top_k: int) -> list[Hit]:
        """At most top_k hits, best first: hybrid with both, keywords only without a vector, vectors only without text.

        vector: [dimension], of length 1. Raises InputError where there is neither.
        """
        ...


class IndexWriter(Protocol):
    """An index being filled; nothing of it is asked before `publish`, unless the engine says otherwise."""

    def known(self) -> dict[str, str]:
        """SHA-256 by path of the documents that are in the index completely."""
        ...

    def texts(self, chunk: Chunk) -> list[str]:
        """What to embed of a chunk, at least one text."""
        ...

    def put(self, document: Document, chunks: Sequence[Chunk], vectors: Sequence[NDArray[np.float32]]) -> None:
        """Take a document in, in place of what was there of its path. vectors: of each chunk [texts, dimension]."""
        ...

    def remove(self, path: str) -> None:
        """Take a document out; nothing happens where it is not in."""
        ...

    def publish(self) -> None:
        """Put what was written into use."""
        ...


def retrieve(
    engine: SearchEngine, embedding: EmbeddingModel | None, question: str, top_k: int, mode: Mode = "hybrid"
) -> list[Hit]:
    """The passages for a question, best first, at most top_k.

    embedding: the model that the index was made with; not needed for mode `keyword`.
    Raises InputError for an empty question, a top_k below 1, an unknown mode, or another embedding model.
    """
    if not question.strip():
        raise InputError("the question is empty")
    if top_k < 1:
        raise InputError(f"top_k is {top_k}: it must be 1 or more")
    if mode not in get_args(Mode):
        raise InputError(f"the retrieval mode is {mode!r}: use {', '.join(get_args(Mode))}")
    if mode == "keyword":
        return engine.search(question, None, top_k)
    if embedding is None:
        raise InputError(f"retrieval mode {mode} needs the embedding model of the index, {engine.settings.embedding}")
    check_embedding(engine.settings, embedding)
    return engine.search(question if mode == "hybrid" else "", embedding.embed([question])[0], top_k)


class Reranker(Protocol):
    """Reads question and passage together."""

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Relevance of each passage, higher is better."""
        ...


def rerank(reranker: Reranker, question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The same hits in the order of the reranker's scores, which they have then."""
    scores = reranker.score(question, [f"{hit.context}\n\n{hit.text}" if hit.context else hit.text for hit in hits])
    scored = [replace(hit, score=score) for hit, score in zip(hits, scores, strict=True)]
    return sorted(scored, key=lambda hit: -hit.score)


def check_embedding(settings: IndexSettings, embedding: EmbeddingModel) -> None:
    """Raises InputError, naming both, where vectors of this model cannot be compared with those of the index."""
    identity = embedding.identity
    index = f"{settings.embedding} ({settings.provider}, {settings.dimension} dimensions)"
    if identity.name != settings.embedding:
        raise InputError(
            f"the index was made with the embedding model {index}, not with {identity.name}: ask with that model, or "
            "make the index again with this one"
        )
    if settings.revision and identity.revision and settings.revision != identity.revision:
        raise InputError(
            f"the index was made with revision {settings.revision[:12]} of {index}, this one is "
            f"{identity.revision[:12]}: make the index again"
        )
    if embedding.dimension != settings.dimension:
        raise InputError(
            f"the index was made with {index}; {identity.name} gives {embedding.dimension} dimensions: make the index "
            "again"
        )


def check_settings(index: IndexSettings, wanted: IndexSettings, where: str, otherwise: str) -> None:
    """Raises InputError, naming every difference, where an index with other settings is to be filled."""
    have, want = asdict(index), asdict(wanted)
    differences = [f"{name} {have[name]!r}, now {want[name]!r}" for name in have if have[name] != want[name]]
    if differences:
        raise InputError(f"{where} was made with {'; '.join(differences)}: use the same, or {otherwise}")
