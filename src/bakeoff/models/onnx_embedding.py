"""Sentence embeddings on this machine: an ONNX encoder, mean pooling, one text at a time on every core."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff import catalog
from bakeoff.catalog import embedding_folder
from bakeoff.errors import BakeoffError, ModelCorruptError
from bakeoff.models.base import ModelIdentity
from bakeoff.models.embedding import check_texts
from bakeoff.models.onnx_runtime import open_session, thread_count

logger = logging.getLogger(__name__)

LARGEST_SLICE = 32


class OnnxEmbeddingModel:
    """An `EmbeddingModel` (see bakeoff.models.embedding) on an embedding folder; load it with `load_embedding`.

    A vector is the mean over a text's tokens of the encoder's last layer, scaled to length 1, as sentence-transformers
    defines it (Reimers and Gurevych 2019, Sentence-BERT; the model's 1_Pooling and 2_Normalize modules). Each text
    runs alone on one thread, `thread_count()` of them side by side: no padding, no sorting, and a text has the same
    vector whatever else is embedded with it. Encoders exported with an attention mask and token types work too.
    Raises ModelNotFoundError and ModelCorruptError naming the folder.
    """

    def __init__(self, folder: Path, name: str):
        from tokenizers import Tokenizer

        embedding_folder.check(folder)
        self.dimension, self.max_tokens = embedding_folder.sizes(folder)
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / embedding_folder.TOKENIZER))
            self._session = open_session(folder / embedding_folder.GRAPH, threads=1)
        except Exception as error:  # both libraries raise classes of their own without a common base
            raise ModelCorruptError(
                f"the embedding model in {folder} cannot be loaded: {str(error).splitlines()[0]}. Pull the model "
                "again, or take another folder"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._inputs = [tensor.name for tensor in self._session.get_inputs()]
        self.identity = ModelIdentity(name, "onnx", catalog.revision(folder), "cpu")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [len(texts), dimension]; a text of more than max_tokens is cut and a warning counts those.

        An empty text has the vector of its two control tokens. Raises InputError for what is not text.
        """
        check_texts(texts)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        workers = thread_count()
        step = max(1, min(LARGEST_SLICE, len(texts) // (4 * workers)))
        slices = [range(start, min(start + step, len(texts))) for start in range(0, len(texts), step)]

        def fill(rows: range) -> int:
            cut = 0
            for row in rows:
                ids = self._ids(texts[row])
                cut += len(ids) > self.max_tokens
                vectors[row] = self._vector(self._cut(ids))
            return cut

        if len(slices) < 2:
            cut = sum(map(fill, slices))
        else:
            with ThreadPoolExecutor(workers) as executor:
                cut = sum(executor.map(fill, slices))
        if cut:
            logger.warning(
                "%d of %d texts are longer than the %d tokens of %s: only their beginning was embedded",
                cut,
                len(texts),
                self.max_tokens,
                self.identity.name,
            )
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text with its control tokens, before cutting: more than max_tokens means it is cut."""
        check_texts(texts)
        return [len(self._ids(text)) for text in texts]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def _cut(self, ids: list[int]) -> list[int]:
        """At most max_tokens of them; the last, which ends every text, stays."""
        return ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - 1], ids[-1]]

    def _vector(self, ids: list[int]) -> NDArray[np.float32]:
        row = np.array([ids], dtype=np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        try:
            hidden = self._session.run(None, {name: feeds[name] for name in self._inputs})[0][0]
        except Exception as error:  # onnxruntime's classes have no common base
            reason = str(error).partition("\n")[0]
            raise BakeoffError(f"{self.identity.name}: onnxruntime failed on {len(ids)} tokens: {reason}") from error
        mean = hidden.mean(axis=0)
        vector: NDArray[np.float32] = mean / np.linalg.norm(mean)
        return vector
