"""From a folder of documents to an index: only what changed is embedded, in batches across documents."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from bakeoff.errors import InputError
from bakeoff.models.embedding import EmbeddingModel
from bakeoff.models.onnx_embedding import OnnxEmbeddingModel
from bakeoff.retrieval.chunks import Chunk, CountTokens, chunk
from bakeoff.retrieval.documents import MAX_BYTES, Document, check_any, read_documents
from bakeoff.retrieval.engine import IndexSettings, IndexWriter
from bakeoff.retrieval.reading_report import ReadingReport

BATCH = 256  # chunks embedded together: what an interruption may lose
CHARACTERS_PER_TOKEN = 4  # OpenAI's rule of thumb for English, where an endpoint does not count

Cut = tuple[Document, Sequence[Chunk]]


@dataclass(frozen=True)
class BuildResult:
    """What a build did: documents taken in (new or changed) and out, chunks embedded."""

    documents: int
    removed: int
    chunks: int


def index_settings(embedding: EmbeddingModel, max_tokens: int = 200, overlap: int = 30) -> IndexSettings:
    """Settings for an index by this model; raises InputError where chunks could be longer than it takes."""
    if embedding.max_tokens is not None and max_tokens > embedding.max_tokens:
        raise InputError(f"chunks of {max_tokens} tokens: {embedding.identity.name} takes {embedding.max_tokens}")
    identity = embedding.identity
    return IndexSettings(identity.name, identity.provider, identity.revision, embedding.dimension, max_tokens, overlap)


def token_counter(embedding: EmbeddingModel) -> CountTokens:
    """Tokens of a text, with control tokens; for an endpoint a guess by CHARACTERS_PER_TOKEN."""
    if isinstance(embedding, OnnxEmbeddingModel):
        return lambda text: embedding.count_tokens([text])[0]
    return lambda text: -(-len(text) // CHARACTERS_PER_TOKEN)


def build_index(
    root: Path,
    writer: IndexWriter,
    embedding: EmbeddingModel,
    settings: IndexSettings,
    report: ReadingReport,
    *,
    encoding: str | None = None,
    max_bytes: int = MAX_BYTES,
    progress: Callable[[int, int], None] = lambda files, chunks: None,
) -> BuildResult:
    """Bring an index up to date with a folder of documents (or one file) and put it into use.

    encoding, max_bytes: as in `read_documents`. report: faults of single files, which do not stop the rest; a document
    that is gone, or can no longer be read, leaves the index. progress: called with the files done, unchanged and
    refused ones too, and the chunks embedded. Raises InputError where no document can be read, and EndpointError where
    the embedding endpoint fails; what was embedded until then is kept by the writer.
    """
    known = writer.known()
    taken: set[str] = set()
    chunks = 0
    documents = read_documents(root, report, max_bytes=max_bytes, encoding=encoding, known=known)
    for batch in _batches(documents, token_counter(embedding), settings):
        for document, own in _put(batch, writer, embedding, report):
            taken.add(document.path)
            chunks += len(own)
        progress(_files(report), chunks)
    progress(_files(report), chunks)
    check_any(root, report)  # the model may have refused what could be read
    gone = known.keys() - taken - set(report.unchanged)
    for path in sorted(gone):
        writer.remove(path)
    writer.publish()
    return BuildResult(len(taken), len(gone), chunks)


def _files(report: ReadingReport) -> int:
    return report.read + len(report.unchanged) + len(report.problems)


def _batches(
    documents: Iterator[Document], count_tokens: CountTokens, settings: IndexSettings
) -> Iterator[Sequence[Cut]]:
    """Documents with their chunks, at least BATCH chunks together."""
    batch: list[Cut] = []
    for document in documents:
        batch.append((document, chunk(document, count_tokens, settings.max_tokens, settings.overlap)))
        if sum(len(own) for _, own in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _put(batch: Sequence[Cut], writer: IndexWriter, embedding: EmbeddingModel, report: ReadingReport) -> Iterator[Cut]:
    """Embed and write; what the model refuses is tried document by document, so that only its own one is left out."""
    try:
        texts = [writer.texts(piece) for _, own in batch for piece in own]
        flat = embedding.embed([text for own in texts for text in own])
    except InputError as error:
        if len(batch) > 1:
            for cut in batch:
                yield from _put([cut], writer, embedding, report)
        else:
            report.read -= 1
            report.refuse(batch[0][0].path, f"cannot be embedded: {error}")
        return
    ends = np.cumsum([len(own) for own in texts])
    vectors = iter(np.split(flat, ends[:-1]))
    for document, own in batch:
        writer.put(document, own, list(islice(vectors, len(own))))
        yield document, own
