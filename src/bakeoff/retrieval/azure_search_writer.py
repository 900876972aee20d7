"""Fills an index of Azure AI Search; `azure_search` asks it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.retrieval.azure_search_errors import failure, failures_in_words, retryable
from bakeoff.retrieval.azure_search_index import (
    PENDING,
    SETTINGS_KEY,
    check_index_name,
    document_key,
    index_definition,
    read_settings,
    settings_text,
)
from bakeoff.retrieval.azure_search_target import RETRIED, AzureSearchTarget
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.engine import IndexSettings, check_settings

MOST_ACTIONS, MOST_BYTES = 1_000, 15_000_000  # of a request; the service takes 1,000 and 16 MB
PAGE = 1_000  # most rows that the service gives at once

Action = dict[str, Any]


class AzureSearchWriter:
    """An `IndexWriter` (see bakeoff.retrieval.engine) for one index, which is created where it is not there.

    What is put can be found seconds later, without `publish`; while a document is being replaced, its old and new
    chunks are found. One writer at a time. Every method raises EndpointError where the service fails. Raises
    InputError where the index has other settings or was made by something else.
    """

    def __init__(self, target: AzureSearchTarget, index: str, settings: IndexSettings):
        check_index_name(index)
        self._target, self._index = target, index
        self._client = target.client(index)
        self._documents: dict[str, str] | None = None
        self._open(settings)

    def known(self) -> dict[str, str]:
        return {path: sha256 for path, sha256 in self._all_documents().items() if sha256 != PENDING}

    def texts(self, chunk: Chunk) -> list[str]:
        return [chunk.embedding_text]  # the index has one vector a passage

    def put(self, document: Document, chunks: Sequence[Chunk], vectors: Sequence[NDArray[np.float32]]) -> None:
        old = self._chunk_keys(document.path)
        self._mark(document.path, PENDING)
        new = [
            {
                "@search.action": "upload",
                "id": chunk.id,
                "document": chunk.document,
                "heading_path": list(chunk.heading_path),
                "page": chunk.page,
                "context": chunk.context,
                "text": chunk.text,
                "position": position,
                "vector": own[0].tolist(),
            }
            for position, (chunk, own) in enumerate(zip(chunks, vectors, strict=True))
        ]
        gone = old - {chunk.id for chunk in chunks}
        self._send([*new, *(_delete(key) for key in sorted(gone))])
        self._mark(document.path, document.sha256)

    def remove(self, path: str) -> None:
        if path not in self._all_documents():
            return
        self._mark(path, PENDING)
        self._send([_delete(key) for key in sorted(self._chunk_keys(path))])
        self._send([_delete(document_key(path))])
        del self._all_documents()[path]

    def publish(self) -> None:
        """Take out what an interrupted build left of documents that were not put again."""
        pending = [path for path, sha256 in self._all_documents().items() if sha256 == PENDING]
        for path in pending:
            self.remove(path)

    def _open(self, settings: IndexSettings) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        indexes = self._target.index_client()
        with failures_in_words(self._target, self._index):
            try:
                existing = indexes.get_index(self._index)
            except ResourceNotFoundError:
                indexes.create_index(index_definition(self._index, settings), retry_on_methods=RETRIED)
            else:
                self._check(existing.description, settings)
        row = {"@search.action": "upload", "id": SETTINGS_KEY, "settings": settings_text(settings)}
        self._send([row])

    def _check(self, description: str | None, settings: IndexSettings) -> None:
        where = f"the index {self._index!r} at {self._target.host}"
        check_settings(read_settings(description, where), settings, where, "another index name")

    def _all_documents(self) -> dict[str, str]:
        """SHA-256 or PENDING by path; read once, then kept, because the service shows changes only after seconds."""
        if self._documents is None:
            rows = self._rows("sha256 ne null", ["id", "document", "sha256"])
            self._documents = {row["document"]: row["sha256"] for row in rows}
        return self._documents

    def _chunk_keys(self, path: str) -> set[str]:
        if path not in self._all_documents():
            return set()
        quoted = path.replace("'", "''")
        return {row["id"] for row in self._rows(f"document eq '{quoted}' and sha256 eq null", ["id"])}

    def _rows(self, condition: str, fields: list[str]) -> Iterator[Mapping[str, Any]]:
        """All rows by key, each page beginning behind the last: `skip` ends at 100,000."""
        last = ""
        while True:
            with failures_in_words(self._target, self._index):
                page = list(
                    self._client.search(
                        filter=f"id gt '{last}' and {condition}",
                        order_by=["id asc"],
                        select=fields,
                        top=PAGE,
                        retry_on_methods=RETRIED,
                    )
                )
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    def _mark(self, path: str, sha256: str) -> None:
        key = document_key(path)
        self._send([{"@search.action": "upload", "id": key, "document": path, "sha256": sha256}])
        self._all_documents()[path] = sha256

    def _send(self, actions: Sequence[Action]) -> None:
        from azure.search.documents import IndexDocumentsBatch
        from azure.search.documents.models import IndexAction

        for batch in batches(actions):
            with failures_in_words(self._target, self._index):
                results = self._client.index_documents(
                    IndexDocumentsBatch(actions=[IndexAction(action) for action in batch]), retry_on_methods=RETRIED
                )
            for result in results:
                if not result.succeeded:
                    status = result.status_code
                    raise failure(
                        self._target,
                        self._index,
                        f"row {result.key!r} was refused, status {status}: {result.error_message or 'no explanation'}",
                        "try again later" if retryable(status) else "change what the service complains about",
                        status,
                    )


def batches(actions: Sequence[Action]) -> Iterator[list[Action]]:
    """The actions in their order, at most MOST_ACTIONS and MOST_BYTES of JSON together."""
    batch: list[Action] = []
    size = 0
    for action in actions:
        own = len(json.dumps(action)) + len(", ")
        if batch and (len(batch) == MOST_ACTIONS or size + own > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(action)
        size += own
    if batch:
        yield batch


def _delete(key: str) -> Action:
    return {"@search.action": "delete", "id": key}
