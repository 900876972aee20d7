"""The tiny base in the catalog and the cache in use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_finetuning import write_catalog

from bakeoff.catalog import entries


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "weights").mkdir()
    write_catalog(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Iterator[Path]:
    """The folder of the tiny catalog, whose cache and catalog are in use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_CACHE", str(tiny_folder / "cache"))
        patch.delenv("BAKEOFF_SOURCES", raising=False)
        patch.setattr(entries, "CATALOG_FILE", tiny_folder / "models.yaml")
        entries._load.cache_clear()
        yield tiny_folder
    entries._load.cache_clear()
