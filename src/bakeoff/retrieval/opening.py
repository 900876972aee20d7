"""From what a flow calls its index to something that can be asked."""

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.catalog.cache import cache_folder
from bakeoff.errors import InputError
from bakeoff.models.embedding import EmbeddingModel
from bakeoff.retrieval.build import build_index, index_settings
from bakeoff.retrieval.documents import MAX_BYTES
from bakeoff.retrieval.engine import IndexSettings, SearchEngine
from bakeoff.retrieval.files import find_files
from bakeoff.retrieval.local_index import FORMAT, MANIFEST, LocalIndex, LocalIndexWriter, is_index
from bakeoff.retrieval.readers import READERS
from bakeoff.retrieval.reading_report import ReadingReport

if TYPE_CHECKING:
    from bakeoff.retrieval.azure_search_target import AzureSearchTarget

AZURE = "azure-search:"
MOST_FILES = 500  # of a folder that is indexed on first use

_lock = threading.Lock()
_open: dict[tuple[Path, int], LocalIndex] = {}
_services: dict[tuple["AzureSearchTarget", str], SearchEngine] = {}
_indexes: dict[tuple[IndexSettings, tuple[tuple[Path, int, int], ...]], Path] = {}


def open_index(name: str, base: Path, embedding: EmbeddingModel | None, search_connection: Any = None) -> SearchEngine:
    """The index that `name` names, asked again the same one.

    name: a folder that `bakeoff index` made, relative ones below `base`; a folder of at most MOST_FILES documents,
    which is indexed in the cache first, by `embedding`, and again whenever it has changed; or `azure-search:INDEX`,
    where search_connection says (None: environment variables). Raises InputError for anything else.
    """
    if name.startswith(AZURE):
        from bakeoff.retrieval.azure_search import AzureSearchEngine
        from bakeoff.retrieval.azure_search_target import search_target

        service = search_target(search_connection), name.removeprefix(AZURE)
        with _lock:
            if service not in _services:
                _services[service] = AzureSearchEngine(*service)
            return _services[service]
    folder = (base / name).resolve()
    if not name.strip() or not folder.is_dir():
        raise InputError(
            f"there is no index {name!r} (looked for {folder}): make it by `bakeoff index DOCS --out INDEX`"
        )
    with _lock:
        if not is_index(folder):
            folder = _indexed(folder, embedding)
        key = (folder, (folder / MANIFEST).stat().st_mtime_ns)
        if key not in _open:
            _open[key] = LocalIndex(folder)
        return _open[key]


def _indexed(documents: Path, embedding: EmbeddingModel | None) -> Path:
    """The index of these documents in the cache; the same contents have the same one, wherever they lie."""
    if embedding is None:
        raise InputError(f"{documents} holds documents, not an index: indexing them needs an embedding model")
    files = list(find_files(documents, ReadingReport(), READERS.keys(), MAX_BYTES))
    if len(files) > MOST_FILES:
        raise InputError(
            f"{documents} holds {len(files):,} files: index them once by `bakeoff index {documents} --out INDEX`, and "
            "give that folder"
        )
    settings = index_settings(embedding)
    states = [(file.location, file.location.stat()) for file in files]
    state = settings, tuple((location, status.st_size, status.st_mtime_ns) for location, status in states)
    if state not in _indexes or not is_index(_indexes[state]):
        contents = hashlib.sha256(f"{FORMAT} {settings!r}".encode())
        for file in files:
            contents.update(f"{file.path}\0".encode())
            contents.update(hashlib.sha256(file.location.read_bytes()).digest())
        index = cache_folder() / "indexes" / contents.hexdigest()[:16]
        if not is_index(index):
            with LocalIndexWriter(index, settings, wait=True) as writer:
                build_index(documents, writer, embedding, settings, ReadingReport())
        _indexes[state] = index
    return _indexes[state]
