"""The engines that perf/retrieval_engines.py compares: how each is built from vectors or texts, and how it is asked."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TOP, THREADS, BLOCK = 10, 2, 50_000
STOP_WORDS = (
    "a an and are as at be but by did do does for from had has have he her his how i if in into is it its of on or she "
    "that the their then there these they this to was what when where which who why will with you your"
)

Search = Callable[[Any], list[int]]  # a query vector or text -> the rows of the best TOP


@dataclass
class Engine:
    """`build(folder, items)`; `open(folder, items)` gives the search, `items` being the memory map to rescore from."""

    build: Callable[[Path, Any], None]
    open: Callable[[Path, Any], Search]
    keyword: bool = False


def rescored(rows: np.ndarray, query: np.ndarray, vectors: np.ndarray) -> list[int]:
    rows = np.unique(rows[rows >= 0])
    return [int(row) for row in rows[np.argsort(-(vectors[rows] @ query))[:TOP]]]


def faiss_engine(kind: str, share: float, candidates: int) -> Engine:
    """2 sqrt(rows) inverted lists under a memory map, `share` of them visited; rescored when candidates > TOP."""

    def build(folder: Path, vectors: np.ndarray) -> None:
        import faiss

        faiss.omp_set_num_threads(THREADS)
        lists = int(2 * len(vectors) ** 0.5)
        index = faiss.index_factory(vectors.shape[1], f"IVF{lists},{kind}", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = 8
        rows = np.random.default_rng(2).choice(len(vectors), min(len(vectors), 64 * lists), replace=False)
        index.train(vectors[np.sort(rows)])
        for start in range(0, len(vectors), BLOCK):
            index.add(np.ascontiguousarray(vectors[start : start + BLOCK]))
        faiss.write_index(index, str(folder / "index.faiss"))

    def open_(folder: Path, vectors: np.ndarray) -> Search:
        import faiss

        faiss.omp_set_num_threads(THREADS)
        index = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        index.nprobe = max(1, int(index.nlist * share))

        def search(query: np.ndarray) -> list[int]:
            found = index.search(query[None], candidates)[1][0]
            return found.tolist() if candidates == TOP else rescored(found, query, vectors)

        return search

    return Engine(build, open_)


def usearch_engine(kind: str, expansion: int, candidates: int) -> Engine:
    def build(folder: Path, vectors: np.ndarray) -> None:
        from usearch.index import Index

        index = Index(ndim=vectors.shape[1], metric="cos", dtype=kind, connectivity=16, expansion_add=96)
        for start in range(0, len(vectors), BLOCK):
            block = np.ascontiguousarray(vectors[start : start + BLOCK])
            index.add(np.arange(start, start + len(block)), block, threads=THREADS)
        index.save(str(folder / "index.usearch"))

    def open_(folder: Path, vectors: np.ndarray) -> Search:
        from usearch.index import Index

        index = Index.restore(str(folder / "index.usearch"), view=True, enable_key_lookups=False)
        index.expansion_search = expansion
        return lambda query: rescored(index.search(query, candidates).keys.astype(np.int64), query, vectors)

    return Engine(build, open_)


def lancedb_engine(kind: str, probes: float, refine: int | None) -> Engine:
    def build(folder: Path, vectors: np.ndarray) -> None:
        import lancedb
        import pyarrow as pa
        from lancedb import index

        def batches() -> Iterator[pa.RecordBatch]:
            for start in range(0, len(vectors), BLOCK):
                block = np.ascontiguousarray(vectors[start : start + BLOCK])
                flat = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), vectors.shape[1])
                yield pa.RecordBatch.from_arrays([pa.array(range(start, start + len(block))), flat], ["id", "vector"])

        schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), vectors.shape[1]))])
        table = lancedb.connect(folder).create_table("chunks", batches(), schema=schema)
        table.create_index("vector", config=getattr(index, kind)(distance_type="cosine"))

    def open_(folder: Path, vectors: np.ndarray) -> Search:
        import lancedb

        table = lancedb.connect(folder).open_table("chunks")

        def search(query: np.ndarray) -> list[int]:
            ask = table.search(query).distance_type("cosine").nprobes(int(probes)).limit(TOP).select(["id"])
            return (ask.refine_factor(refine) if refine else ask).to_arrow()["id"].to_pylist()

        return search

    return Engine(build, open_)


def sqlite_vec_engine(candidates: int) -> Engine:
    """Hamming distance of the signs over every row (vec0 scans), rescored; apsw, for not every sqlite3 can load it."""

    def connect(folder: Path) -> Any:
        import apsw
        import sqlite_vec

        connection = apsw.Connection(str(folder / "index.sqlite"))
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        return connection

    def build(folder: Path, vectors: np.ndarray) -> None:
        connection = connect(folder)
        connection.execute(f"create virtual table chunks using vec0(vector bit[{vectors.shape[1]}])")
        with connection:
            connection.executemany(
                "insert into chunks(rowid, vector) values (?, vec_quantize_binary(?))",
                ((row, np.ascontiguousarray(vector).tobytes()) for row, vector in enumerate(vectors)),
            )

    def open_(folder: Path, vectors: np.ndarray) -> Search:
        connection = connect(folder)
        ask = f"select rowid from chunks where vector match vec_quantize_binary(?) and k = {candidates}"
        return lambda query: rescored(
            np.array([row for (row,) in connection.execute(ask, (query.tobytes(),))]), query, vectors
        )

    return Engine(build, open_)


def chroma_engine() -> Engine:
    def client(folder: Path) -> Any:
        import chromadb

        return chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))

    def build(folder: Path, vectors: np.ndarray) -> None:
        chunks = client(folder).create_collection("chunks", configuration={"hnsw": {"space": "cosine"}})
        for start in range(0, len(vectors), 5_000):
            block = np.ascontiguousarray(vectors[start : start + 5_000])
            chunks.add([str(row) for row in range(start, start + len(block))], block)

    def open_(folder: Path, vectors: np.ndarray) -> Search:
        chunks = client(folder).get_collection("chunks")
        return lambda query: [int(row) for row in chunks.query(query[None], n_results=TOP, include=[])["ids"][0]]

    return Engine(build, open_)


def words(question: str) -> list[str]:
    skipped = STOP_WORDS.split()
    return [word for word in dict.fromkeys(re.findall(r"\w+", question.lower())) if word not in skipped][:32]


def fts5_engine() -> Engine:
    def build(folder: Path, texts: Sequence[str]) -> None:
        import sqlite3

        with sqlite3.connect(folder / "index.sqlite") as connection:
            connection.execute("create virtual table chunks using fts5(text, content='', tokenize='porter unicode61')")
            connection.executemany("insert into chunks(rowid, text) values (?, ?)", enumerate(texts))
            connection.execute("insert into chunks(chunks) values ('optimize')")

    def open_(folder: Path, texts: Sequence[str]) -> Search:
        import sqlite3

        connection = sqlite3.connect(folder / "index.sqlite")
        ask = f"select rowid from chunks where chunks match ? order by rank limit {TOP}"
        return lambda question: [
            row for (row,) in connection.execute(ask, (" OR ".join(f'"{word}"' for word in words(question)),))
        ]

    return Engine(build, open_, keyword=True)


def tantivy_engine() -> Engine:
    def build(folder: Path, texts: Sequence[str]) -> None:
        import tantivy

        schema = tantivy.SchemaBuilder().add_integer_field("row", stored=True, fast=True)
        index = tantivy.Index(schema.add_text_field("text", tokenizer_name="en_stem").build(), path=str(folder))
        writer = index.writer(heap_size=100_000_000, num_threads=1)
        for row, text in enumerate(texts):
            writer.add_document(tantivy.Document(row=row, text=text))
        writer.commit()
        writer.wait_merging_threads()

    def open_(folder: Path, texts: Sequence[str]) -> Search:
        import tantivy

        index = tantivy.Index.open(str(folder))
        searcher = index.searcher()

        def search(question: str) -> list[int]:
            hits = searcher.search(index.parse_query(" ".join(words(question)), ["text"]), TOP).hits
            return [searcher.doc(address)["row"][0] for _, address in hits]

        return search

    return Engine(build, open_, keyword=True)


def lancedb_fts_engine() -> Engine:
    def build(folder: Path, texts: Sequence[str]) -> None:
        import lancedb
        import pyarrow as pa

        data = pa.table({"row": pa.array(range(len(texts))), "text": texts})
        table = lancedb.connect(folder).create_table("chunks", data)
        table.create_index("text", config=lancedb.index.FTS(with_position=False))

    def open_(folder: Path, texts: Sequence[str]) -> Search:
        import lancedb

        table = lancedb.connect(folder).open_table("chunks")

        def search(question: str) -> list[int]:
            ask = table.search(" ".join(words(question)), query_type="fts").limit(TOP).select(["row"])
            return ask.to_arrow()["row"].to_pylist()

        return search

    return Engine(build, open_, keyword=True)


def bm25s_engine() -> Engine:
    def build(folder: Path, texts: Sequence[str]) -> None:
        import bm25s

        index = bm25s.BM25()
        index.index(bm25s.tokenize(list(texts), stopwords="en", show_progress=False), show_progress=False)
        index.save(str(folder))

    def open_(folder: Path, texts: Sequence[str]) -> Search:
        import bm25s

        index = bm25s.BM25.load(str(folder), mmap=True)
        return lambda question: index.retrieve([words(question)], k=TOP, show_progress=False)[0][0].tolist()

    return Engine(build, open_, keyword=True)


ENGINES = {
    "faiss IVF,SQ8": faiss_engine("SQ8", 0.06, TOP),
    "faiss IVF,RaBitQ + rescoring": faiss_engine("RaBitQ", 0.06, 200),
    "usearch HNSW i8 + rescoring": usearch_engine("i8", 192, 40),
    "LanceDB IVF_HNSW_SQ": lancedb_engine("HnswSq", 20, None),
    "LanceDB IVF_RQ + refine": lancedb_engine("IvfRq", 20, 10),
    "sqlite-vec bits + rescoring": sqlite_vec_engine(300),
    "chromadb": chroma_engine(),
    "tantivy BM25": tantivy_engine(),
    "SQLite FTS5 BM25": fts5_engine(),
    "LanceDB BM25": lancedb_fts_engine(),
    "bm25s, memory map": bm25s_engine(),
}
