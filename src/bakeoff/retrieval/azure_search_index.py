"""What an index of Azure AI Search looks like.

It has three kinds of rows:
    settings   key SETTINGS_KEY: the IndexSettings, readable with a query key; the index's description, which only an
               admin key reads, has them too and decides
    documents  key `document-HASH`: path and SHA-256, PENDING while its chunks are being written or removed
    chunks     key is Chunk.id: everything that a Hit shows, and the vector
Only chunks have texts and vectors, so searches find nothing else.
"""

import hashlib
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from bakeoff.errors import InputError
from bakeoff.retrieval.engine import IndexSettings

if TYPE_CHECKING:
    from azure.search.documents.indexes.models import SearchIndex

SETTINGS_KEY = "settings"
PENDING = "pending"
_NAME = re.compile(r"(?=.{2,128}\Z)[a-z0-9]+(-[a-z0-9]+)*")


def check_index_name(name: str) -> None:
    """Raises InputError where the service would not take the name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name an index in Azure AI Search: use 2 to 128 lower-case letters, digits and single "
            "dashes between them"
        )


def index_definition(name: str, settings: IndexSettings) -> "SearchIndex":
    """The index: English stems as in the local one, vectors by HNSW and cosine, kept for searching only."""
    from azure.search.documents.indexes.models import (
        HnswAlgorithmConfiguration,
        HnswParameters,
        LexicalAnalyzerName,
        SearchableField,
        SearchField,
        SearchFieldDataType,
        SearchIndex,
        SimpleField,
        VectorSearch,
        VectorSearchProfile,
    )

    string, number = SearchFieldDataType.STRING, SearchFieldDataType.INT32
    return SearchIndex(
        name=name,
        description=settings_text(settings),
        fields=[
            SimpleField(name="id", type=string, key=True, filterable=True, sortable=True),
            SimpleField(name="document", type=string, filterable=True),
            SimpleField(name="sha256", type=string, filterable=True),
            SimpleField(name="settings", type=string),
            SimpleField(name="heading_path", type="Collection(Edm.String)"),
            SimpleField(name="page", type=number),
            SimpleField(name="position", type=number),
            SearchableField(name="context", analyzer_name=LexicalAnalyzerName.EN_LUCENE),
            SearchableField(name="text", analyzer_name=LexicalAnalyzerName.EN_LUCENE),
            SearchField(
                name="vector",
                type="Collection(Edm.Single)",
                searchable=True,
                hidden=True,
                stored=False,
                vector_search_dimensions=settings.dimension,
                vector_search_profile_name="cosine",
            ),
        ],
        vector_search=VectorSearch(
            algorithms=[HnswAlgorithmConfiguration(name="hnsw", parameters=HnswParameters(metric="cosine"))],
            profiles=[VectorSearchProfile(name="cosine", algorithm_configuration_name="hnsw")],
        ),
    )


def settings_text(settings: IndexSettings) -> str:
    """The settings as the index keeps them."""
    return json.dumps({"bakeoff": asdict(settings)})


def read_settings(text: str | None, where: str) -> IndexSettings:
    """What `settings_text` wrote. Raises InputError, naming `where`, for anything else."""
    try:
        return IndexSettings(**json.loads(text or "")["bakeoff"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{where} was not made by this version of bakeoff: use another index name") from None


def document_key(path: str) -> str:
    """The key of a document's row; a path itself may hold letters that a key may not."""
    return "document-" + hashlib.sha256(path.encode()).hexdigest()[:32]
