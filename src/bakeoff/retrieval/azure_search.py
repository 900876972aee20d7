"""Azure AI Search as a search engine, over an index that `azure_search_writer` filled."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError
from bakeoff.retrieval.azure_search_errors import failures_in_words
from bakeoff.retrieval.azure_search_index import SETTINGS_KEY, check_index_name, read_settings
from bakeoff.retrieval.azure_search_target import RETRIED, AzureSearchTarget
from bakeoff.retrieval.engine import Hit
from bakeoff.retrieval.keywords import query_words

if TYPE_CHECKING:
    from azure.search.documents.models import VectorizedQuery

CANDIDATES = 50  # of each side that the service fuses
# Against 1 for keywords. The service fixes the constant of the ranks at 60. On the choosing sets of perf/fusion.py,
# fused like that here, the mean recall was 0.786 with equal weights, 0.780 with 1.5 and 0.773 with 7/3; 1.5 gives up
# 0.006 because equal weights lose to vectors alone on boolq_rag. Not measured on the service.
VECTOR_WEIGHT = 1.5
_FIELDS = ["id", "document", "heading_path", "page", "context", "text"]


class AzureSearchEngine:
    """A `SearchEngine` (see bakeoff.retrieval.engine) over one index; a query key is enough.

    Hybrid search is fused by the service: reciprocal ranks (constant 60) of the first CANDIDATES of both sides, the
    vector side weighted by VECTOR_WEIGHT. Every hit of a search with a vector has its similarity: the service tells it
    for those that the vector side found, and a second, exact query asks for the rest. Raises InputError for an index
    that bakeoff did not make, and EndpointError, in `search` too, where the service fails or has no such index.
    """

    def __init__(self, target: AzureSearchTarget, index: str):
        check_index_name(index)
        self._target, self._index = target, index
        self._client = target.client(index)
        with failures_in_words(target, index):
            row = self._client.get_document(SETTINGS_KEY, selected_fields=["settings"])
        self.settings = read_settings(row.get("settings"), f"the index {index!r} at {target.host}")

    def search(self, text: str, vector: NDArray[np.float32] | None, top_k: int) -> list[Hit]:
        if vector is None and not text.strip():
            raise InputError("a search needs a text, a vector or both")
        words = " ".join(query_words(text))
        if vector is None:
            return [_hit(row, None) for row in self._rows(words, None, top_k)] if words else []
        if not words:
            return [_hit(row, cosine(row["@search.score"])) for row in self._rows(None, _query(vector, top_k), top_k)]
        query = _query(vector, max(CANDIDATES, top_k), weight=VECTOR_WEIGHT)
        rows = self._rows(words, query, top_k, debug="vector")
        similarities = {row["id"]: similarity for row in rows if (similarity := _told(row)) is not None}
        missing = [row["id"] for row in rows if row["id"] not in similarities]
        if missing:
            similarities |= self._similarities(vector, missing)
        return [_hit(row, similarities.get(row["id"])) for row in rows]

    def _similarities(self, vector: NDArray[np.float32], keys: Sequence[str]) -> dict[str, float]:
        """Cosine of the question and each of these chunks, computed exhaustively."""
        query = _query(vector, len(keys), exhaustive=True)
        rows = self._rows(None, query, len(keys), filter=f"search.in(id, '{','.join(keys)}')", select=["id"])
        return {row["id"]: cosine(row["@search.score"]) for row in rows}

    def _rows(
        self, words: str | None, query: "VectorizedQuery | None", top: int, **options: Any
    ) -> list[dict[str, Any]]:
        with failures_in_words(self._target, self._index):
            found: Iterable[dict[str, Any]] = self._client.search(
                words,
                search_fields=["context", "text"] if words else None,
                vector_queries=[query] if query else None,
                top=top,
                retry_on_methods=RETRIED,
                **({"select": _FIELDS} | options),
            )
            return list(found)


def cosine(score: float) -> float:
    """The cosine behind the score of a query by vector alone, which is 1 / (1 + distance), distance 1 - cosine.

    Source: learn.microsoft.com/azure/search/vector-search-ranking, "Scores in a vector search results".
    """
    return 2 - 1 / score


def _query(vector: NDArray[np.float32], nearest: int, **options: Any) -> "VectorizedQuery":
    from azure.search.documents.models import VectorizedQuery

    return VectorizedQuery(vector=vector.tolist(), k_nearest_neighbors=nearest, fields="vector", **options)


def _told(row: dict[str, Any]) -> float | None:
    """The cosine that `debug=vector` tells beside a fused score; None for a hit of the keyword side only."""
    told = row["@search.document_debug_info"]
    subscores = told and told.vectors and told.vectors.subscores
    for field in (subscores and subscores.vectors) or ():
        if "vector" in field:
            similarity: float | None = field["vector"].vector_similarity
            return similarity
    return None


def _hit(row: dict[str, Any], similarity: float | None) -> Hit:
    return Hit(
        row["id"],
        row["document"],
        tuple(row["heading_path"]),
        row["page"],
        row["context"],
        row["text"],
        row["@search.score"],
        similarity,
    )
