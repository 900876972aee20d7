"""The keyword side of a local index: BM25 over English word stems, in a tantivy folder."""

import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bakeoff.retrieval.store import Store

MOST_WORDS = 32  # of a question
STOP_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "no",
        "of",
        "on",
        "or",
        "our",
        "she",
        "should",
        "so",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
    )
)
_MEMORY = 100_000_000  # bytes for the writer


def build_keywords(store: Store, folder: Path) -> None:
    """Write the tantivy index of the contexts and texts of a store into a new folder."""
    import tantivy

    folder.mkdir()
    schema = tantivy.SchemaBuilder().add_integer_field("row", stored=True)
    index = tantivy.Index(schema.add_text_field("text", tokenizer_name="en_stem").build(), path=str(folder))
    writer = index.writer(heap_size=_MEMORY, num_threads=1)
    for row, context, text in store.texts():
        writer.add_document(tantivy.Document(row=row, text=f"{context}\n{text}"))
    writer.commit()
    writer.wait_merging_threads()
    for name in ("meta.json", ".managed.json"):  # tantivy makes them for their owner's eyes only
        shutil.copymode(next(folder.glob("*.store")), folder / name)


class Keywords:
    """A tantivy folder as `build_keywords` wrote it, read by memory map."""

    def __init__(self, folder: Path):
        self._index, self._searcher = _open_links(folder) if os.name != "nt" else _open(folder)
        self.search("any", 1)  # what is damaged or missing shows with the first query

    def search(self, question: str, top_k: int) -> dict[int, float]:
        """BM25 score (k1 1.2, b 0.75, as tantivy has them) by row, best first, at most top_k; any word may match."""
        words = query_words(question)
        if not words:
            return {}
        found = self._searcher.search(self._index.parse_query(" ".join(words), ["text"]), top_k).hits
        return {self._searcher.doc(address)["row"][0]: score for score, address in found}


def _open(folder: Path) -> tuple[Any, Any]:
    import tantivy

    index = tantivy.Index.open(str(folder))
    index.config_reader(reload_policy="manual")  # it never changes
    return index, index.searcher()


def _open_links(folder: Path) -> tuple[Any, Any]:
    """Through links in another folder: tantivy makes a lock file to read, and the index may be another user's."""
    with TemporaryDirectory() as name:
        for path in folder.iterdir():
            if path.suffix != ".lock":
                (Path(name) / path.name).symlink_to(path.resolve())
        return _open(Path(name))


def query_words(question: str) -> list[str]:
    """The different words of a question, lower-cased, without stop words unless it has no others."""
    words = list(dict.fromkeys(re.findall(r"\w+", question.lower())))
    return ([word for word in words if word not in STOP_WORDS] or words)[:MOST_WORDS]
