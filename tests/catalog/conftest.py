"""A cache and a catalog of its own for a test."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from catalog_helpers import genai_files, write_files

from bakeoff.catalog import entries

# Read by huggingface_hub when it is imported: nothing but the loopback server may be asked.
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache instead of the person's own."""
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BAKEOFF_SOURCES", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def use_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> Callable[..., Path]:
    """Make a catalog of `name={variant: {...}}` the one in use; gives its file."""

    def use(embedded: bool = False, **models: dict[str, Any]) -> Path:
        described = {
            name: {
                "description": "for tests",
                "provider": "nobody",
                "licence": "MIT",
                "context_length": 16,
                "chat_template": "none",
                "capabilities": ["chat"],
                "embedded": embedded,
                "variants": {k: {"size": "1 kB", **v} for k, v in variants.items()},
            }
            for name, variants in models.items()
        }
        path = tmp_path / "models.yaml"
        path.write_text(yaml.safe_dump({"models": described}, sort_keys=False), encoding="utf-8")
        entries._load.cache_clear()
        monkeypatch.setattr(entries, "CATALOG_FILE", path)
        return path

    return use


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place pip looks for packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def fake_import(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Replaces the GGUF importer; the list grows by the bytes it was given."""
    seen: list[bytes] = []

    def import_gguf(gguf: Path, out: Path, report: Callable[[str], None]) -> None:
        assert out.is_dir()
        assert not list(out.iterdir())
        seen.append(gguf.read_bytes())
        write_files(out, genai_files())

    monkeypatch.setattr("bakeoff.catalog.gguf.import_gguf", import_gguf)
    return seen
