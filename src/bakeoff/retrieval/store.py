"""Documents, chunks and their vectors in one SQLite file: what the search sides of an index are made from."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.engine import Hit, IndexSettings

_SCHEMA = """
create table settings (json text not null);
create table documents (path text primary key, sha256 text not null);
create table chunks (
    row integer primary key, path text not null, id text not null, heading_path text not null, page integer,
    context text not null, text text not null, vector blob not null
);
create index chunks_by_path on chunks (path);
"""
_STORED = np.dtype("<f2")


class Store:
    """One SQLite file. Vectors are kept as float16: a dot product moves by less than 0.001.

    Create a new file with `Store.create`, which raises FileExistsError where there is one. Every method raises
    InputError naming the file where it is missing, damaged or cannot be written.
    """

    def __init__(self, path: Path, *, read_only: bool = False):
        self._path = path
        self._lock = threading.Lock()
        address = f"{path.resolve().as_uri()}?mode={'ro&immutable=1' if read_only else 'rw'}"
        with self._failures_in_words():
            self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)

    @classmethod
    def create(cls, path: Path, settings: IndexSettings) -> "Store":
        path.touch(exist_ok=False)
        store = cls(path)
        with store._failures_in_words(), store._connection as connection:
            connection.executescript(f"begin; {_SCHEMA}")
            connection.execute("insert into settings values (?)", (json.dumps(asdict(settings)),))
        return store

    def close(self) -> None:
        self._connection.close()

    def settings(self) -> IndexSettings | None:
        """None for a file whose creation was interrupted."""
        if not self._fetch("select 1 from sqlite_master where name = 'settings'"):
            return None
        ((text,),) = self._fetch("select json from settings")
        return IndexSettings(**json.loads(text))

    def documents(self) -> dict[str, str]:
        """SHA-256 by path."""
        return dict(self._fetch("select path, sha256 from documents"))

    def put(self, path: str, sha256: str, chunks: Sequence[Chunk], vectors: Sequence[NDArray[np.float32]]) -> None:
        """Replace a document, all of it or nothing. vectors: of each chunk one or more, [vectors, dimension]."""
        with self._failures_in_words(), self._connection as connection:
            connection.execute("delete from chunks where path = ?", (path,))
            connection.execute("insert or replace into documents values (?, ?)", (path, sha256))
            connection.executemany(
                "insert into chunks (path, id, heading_path, page, context, text, vector) values (?, ?, ?, ?, ?, ?, ?)",
                (
                    (path, c.id, json.dumps(c.heading_path), c.page, c.context, c.text, own.astype(_STORED).tobytes())
                    for c, own in zip(chunks, vectors, strict=True)
                ),
            )

    def remove(self, path: str) -> None:
        with self._failures_in_words(), self._connection as connection:
            connection.execute("delete from chunks where path = ?", (path,))
            connection.execute("delete from documents where path = ?", (path,))

    def count(self) -> int:
        """How many chunks there are."""
        ((count,),) = self._fetch("select count(*) from chunks")
        return int(count)

    def rows(self) -> NDArray[np.int64]:
        """The row numbers of all chunks, ascending."""
        return np.array([row for (row,) in self._fetch("select row from chunks order by row")], np.int64)

    def vectors(self, rows: Sequence[int], dimension: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """All vectors of these rows, [vectors, dimension], and the row of each. The rows must all exist."""
        found = self._fetch(f"select row, vector from chunks where row in ({_listed(rows)})")
        vectors = [_read(blob, dimension) for _, blob in found]
        return np.repeat([row for row, _ in found], [len(own) for own in vectors]), np.concatenate(vectors)

    def similarities(self, rows: Sequence[int], query: NDArray[np.float32]) -> dict[int, float]:
        """The cosine of the query with the nearest vector of each row, in the order of the rows."""
        found = dict(self._fetch(f"select row, vector from chunks where row in ({_listed(rows)})"))
        return {row: _similarity(found[row], query) for row in rows}

    def texts(self) -> Iterator[tuple[int, str, str]]:
        """Row, context and text of every chunk."""
        with self._failures_in_words():
            yield from self._connection.execute("select row, context, text from chunks order by row")

    def hits(self, scores: Mapping[int, float], query: NDArray[np.float32] | None) -> list[Hit]:
        """The chunks of these rows in their order, with their scores and their similarity to the query vector."""
        found = {
            row: (columns, vector)
            for row, *columns, vector in self._fetch(
                "select row, id, path, heading_path, page, context, text, vector from chunks "
                f"where row in ({_listed(scores)})"
            )
        }
        hits = []
        for row, score in scores.items():
            (identity, path, heading_path, page, context, text), vector = found[row]
            similarity = None if query is None else _similarity(vector, query)
            hits.append(Hit(identity, path, tuple(json.loads(heading_path)), page, context, text, score, similarity))
        return hits

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        with self._failures_in_words(), self._lock:
            return self._connection.execute(query).fetchall()

    @contextmanager
    def _failures_in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{self._path} cannot be used ({error}): unless the disk is full or protected, the file is damaged; "
                "make the index again in a new folder"
            ) from error


def _read(blob: bytes, dimension: int) -> NDArray[np.float32]:
    return np.frombuffer(blob, _STORED).reshape(-1, dimension).astype(np.float32)


def _similarity(blob: bytes, query: NDArray[np.float32]) -> float:
    return float((_read(blob, len(query)) @ query).max())


def _listed(rows: Sequence[int] | Mapping[int, float]) -> str:
    """Row numbers for SQL's `in`, which takes only so many parameters."""
    return ",".join(str(int(row)) for row in rows)
