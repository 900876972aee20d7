"""An index in one portable folder: `index.json` names the generation in use, which is never changed.

INDEX/index.json          generation in use, SHA-256 of its files, settings, counts; replaced last of all in a build
INDEX/generation-N/       store.sqlite (documents, chunks, vectors), vectors.faiss, keywords/ (tantivy)
INDEX/building/           the next generation while it is filled; an interrupted build goes on with it
INDEX/.lock               held while a process writes
"""

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from bakeoff.errors import InputError
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.durable import changed, settle, sync_file, sync_folder
from bakeoff.retrieval.engine import Hit, IndexSettings, check_settings
from bakeoff.retrieval.fusion import fuse
from bakeoff.retrieval.keywords import Keywords, build_keywords
from bakeoff.retrieval.store import Store
from bakeoff.retrieval.vectors import Vectors, build_vectors

Part = TypeVar("Part")

logger = logging.getLogger(__name__)

FORMAT = 2  # 1 had one vector a chunk, with the marks of its tables
CANDIDATES = 50  # of each side that hybrid search fuses

MANIFEST = "index.json"
_BUILDING, _GENERATION = "building", "generation-"
_STORE, _VECTORS, _KEYWORDS = "store.sqlite", "vectors.faiss", "keywords"


def is_index(folder: Path) -> bool:
    """Whether the folder has an index in use."""
    return (folder / MANIFEST).is_file()


class LocalIndex:
    """A `SearchEngine` (see bakeoff.retrieval.engine) over the generation in use when it is opened.

    Hybrid search fuses the first CANDIDATES of both sides (bakeoff.retrieval.fusion). Every hit of a search with a
    vector has its similarity.
    Raises InputError for a folder that is no index, one of another format, or a damaged one (naming the file).
    """

    def __init__(self, folder: Path):
        while True:
            manifest = _manifest(folder)
            if manifest is None:
                raise InputError(f"{folder} is not an index: make one by `bakeoff index DOCS --out {folder}`")
            try:
                self._open(folder, manifest)
                return
            except InputError:
                if _manifest(folder) == manifest:
                    raise  # otherwise a new generation has replaced this one meanwhile

    def _open(self, folder: Path, manifest: dict[str, Any]) -> None:
        generation = folder / manifest["generation"]
        self.settings = IndexSettings(**manifest["settings"])
        self.documents, self.chunks = manifest["documents"], manifest["chunks"]
        self._store = Store(generation / _STORE, read_only=True)
        if self._store.settings() != self.settings:
            raise InputError(f"{generation / _STORE} is damaged: make the index again in a new folder")
        self._vectors = _part(generation / _VECTORS, Vectors)
        self._keywords = _part(generation / _KEYWORDS, Keywords)

    def search(self, text: str, vector: NDArray[np.float32] | None, top_k: int) -> list[Hit]:
        if vector is None and not text.strip():
            raise InputError("a search needs a text, a vector or both")
        if vector is None:
            return self.hits(self._keywords.search(text, top_k))
        if not text.strip():
            return self.hits(self._vectors.search(vector, top_k), vector)
        scores = fuse(*self.candidates(text, vector, max(CANDIDATES, top_k)))
        return self.hits(dict(list(scores.items())[:top_k]), vector)

    def hits(self, scores: Mapping[int, float], vector: NDArray[np.float32] | None = None) -> list[Hit]:
        """The chunks of these rows, in their order."""
        return self._store.hits(scores, vector)

    def candidates(
        self, text: str, vector: NDArray[np.float32], count: int = CANDIDATES
    ) -> tuple[dict[int, float], dict[int, float]]:
        """What hybrid search fuses, by row: similarities of the first `count` of both sides, and keyword scores."""
        keywords = self._keywords.search(text, count)
        rows = list(dict.fromkeys([*self._vectors.search(vector, count), *keywords]))
        return self._store.similarities(rows, vector), keywords


class LocalIndexWriter:
    """An `IndexWriter` (see bakeoff.retrieval.engine) for a folder; a context manager that holds the folder's lock.

    Each `put` is on disk when it returns. Leaving without `publish` keeps what was written for the next build and the
    old generation in use. wait: for another process that writes it. Raises InputError where the folder holds something
    else, an index with other settings, or (without wait) is being written by another process, and in any method where
    the store of the generation in use is damaged.
    """

    def __init__(self, folder: Path, settings: IndexSettings, *, wait: bool = False):
        self._folder, self._settings, self._wait = folder, settings, wait
        self._manifest = _manifest(folder)
        if self._manifest is None and folder.exists() and not _is_begun(folder):
            raise InputError(f"{folder} holds something that is not an index: choose another folder for --out")
        if self._manifest is not None:
            check_settings(
                IndexSettings(**self._manifest["settings"]),
                settings,
                f"the index {folder}",
                "choose another folder for --out",
            )
        self._building = folder / _BUILDING / _STORE
        self._store: Store | None = None
        self._lock = FileLock(folder / ".lock")

    def __enter__(self) -> "LocalIndexWriter":
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=-1 if self._wait else 0)
        except Timeout:
            raise InputError(f"another process is writing the index {self._folder}: wait for it") from None
        except OSError as error:
            raise InputError(
                f"the index {self._folder} cannot be written ({error.strerror}): choose another folder for --out"
            ) from None
        self._manifest = _manifest(self._folder)
        self._clean()
        self._resume()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._store is not None:
            self._store.close()
        self._lock.release()

    def known(self) -> dict[str, str]:
        if self._store is not None:
            return self._store.documents()
        if self._manifest is None:
            return {}
        current = Store(self._current() / _STORE, read_only=True)
        try:
            return current.documents()
        finally:
            current.close()

    def texts(self, chunk: Chunk) -> list[str]:
        return chunk.embedding_texts

    def put(self, document: Document, chunks: Sequence[Chunk], vectors: Sequence[NDArray[np.float32]]) -> None:
        self._open_store().put(document.path, document.sha256, chunks, vectors)

    def remove(self, path: str) -> None:
        self._open_store().remove(path)

    def publish(self) -> None:
        """Build both sides and put the new generation into use, all of it on disk before the manifest names it.

        Where nothing was written nothing happens, unless a file in use is damaged: then both sides are built again.
        """
        damaged = self._damaged() if self._store is None else []
        if self._store is None and not damaged:
            return
        store = self._open_store()
        for path in damaged:
            logger.warning("%s is damaged: both sides of the index are built again", path)
        building = self._folder / _BUILDING
        shutil.rmtree(building / _KEYWORDS, ignore_errors=True)
        build_vectors(store, building / _VECTORS, self._settings.dimension)
        build_keywords(store, building / _KEYWORDS)
        counts = {"documents": len(store.documents()), "chunks": store.count()}
        store.close()
        self._store = None
        manifest: dict[str, Any] = {"format": FORMAT, "generation": f"{_GENERATION}{self._number() + 1}", **counts}
        manifest |= {"settings": asdict(self._settings), "files": settle(building)}
        building.rename(self._folder / manifest["generation"])
        temporary = self._folder / f"{MANIFEST}.part"
        temporary.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        sync_file(temporary)
        sync_folder(self._folder)
        temporary.replace(self._folder / MANIFEST)
        sync_folder(self._folder)
        self._manifest = manifest
        self._clean()

    def _damaged(self, name: str | None = None) -> list[Path]:
        """Files in use (or the one of this name) that are not as they were published.

        An index made before there were checksums has none to compare.
        """
        if self._manifest is None:
            return []
        recorded: dict[str, str] = self._manifest.get("files", {})
        wanted = recorded if name is None else {one: recorded[one] for one in recorded if one == name}
        return changed(self._current(), wanted)

    def _number(self) -> int:
        return 0 if self._manifest is None else int(self._manifest["generation"].removeprefix(_GENERATION))

    def _current(self) -> Path:
        assert self._manifest is not None
        return self._folder / str(self._manifest["generation"])

    def _clean(self) -> None:
        """Take back a generation that was finished but not put into use; remove those no longer in use.

        On Windows a generation that a process still reads stays until the next build.
        """
        newer = self._folder / f"{_GENERATION}{self._number() + 1}"
        if newer.exists():
            newer.rename(self._folder / _BUILDING)
        for old in self._folder.glob(f"{_GENERATION}*"):
            if self._manifest is None or old != self._current():
                shutil.rmtree(old, ignore_errors=True)

    def _resume(self) -> None:
        """Go on with an interrupted build if it had the same settings."""
        if not self._building.exists():
            return
        store = Store(self._building)
        if store.settings() == self._settings:
            self._store = store
        else:
            store.close()
            shutil.rmtree(self._building.parent)

    def _open_store(self) -> Store:
        """The store of the next generation, begun as a copy of the one in use."""
        if self._store is None:
            self._building.parent.mkdir(exist_ok=True)
            if self._manifest is None:
                self._store = Store.create(self._building, self._settings)
            else:
                for path in self._damaged(_STORE):
                    raise InputError(f"{path} is damaged: make the index again in a new folder")
                copy = self._building.with_suffix(".part")
                shutil.copyfile(self._current() / _STORE, copy)
                copy.rename(self._building)
                self._store = Store(self._building)
        return self._store


def _part(path: Path, read: Callable[[Path], Part]) -> Part:
    """A part of a generation. Raises InputError naming the file where it is missing or damaged."""
    try:
        return read(path)
    except Exception as error:  # sqlite3, faiss and tantivy have no common base
        raise InputError(f"{path} is damaged or missing ({error}): make the index again in a new folder") from error


def _manifest(folder: Path) -> dict[str, Any] | None:
    """What `index.json` says, None where there is none. Raises InputError for one that cannot be used."""
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise ValueError(f"it has format {manifest['format']}, this version reads {FORMAT}")
        IndexSettings(**manifest["settings"])
        missing = {"generation", "documents", "chunks"} - manifest.keys()
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be used ({error}): make the index again in a new folder") from None
    return manifest


def _is_begun(folder: Path) -> bool:
    """Whether a folder without index.json is empty or holds only what a first build leaves behind."""
    allowed = (_BUILDING, ".lock", f"{MANIFEST}.part", f"{_GENERATION}1")
    return folder.is_dir() and all(entry.name in allowed for entry in folder.iterdir())
