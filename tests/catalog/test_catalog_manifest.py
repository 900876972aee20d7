from pathlib import Path

import pytest
from catalog_helpers import genai_files, write_files

from bakeoff.catalog import manifest
from bakeoff.catalog.manifest import Problem
from bakeoff.errors import ModelCorruptError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(manifest, "SMALL_FILE", 1000)
    folder = write_files(tmp_path / "model", {**genai_files(), "model.onnx": b"w" * 5000})
    files = {name: manifest.record(folder / name) for name in manifest.file_names(folder)}
    manifest.write(folder, name="tiny", source="hub a/b/c", revision="f" * 40, importer=None, files=files)
    return folder


def test_what_was_written_is_read(folder: Path) -> None:
    found = manifest.read(folder)
    assert (found.name, found.source, found.revision, found.importer) == ("tiny", "hub a/b/c", "f" * 40, None)
    assert sorted(found.files) == ["genai_config.json", "model.onnx", "tokenizer.json"]
    # sha256 of "{}", from coreutils' sha256sum
    sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert found.files["tokenizer.json"] == manifest.FileRecord(2, sha256)


def test_an_untouched_folder_has_no_problems(folder: Path) -> None:
    assert manifest.all_problems(folder, manifest.read(folder)) == []


def test_a_change_in_a_small_file_is_found_quickly(folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(b"[]")
    expected = [Problem("damaged", "tokenizer.json", "its sha256 differs from the one recorded")]
    assert manifest.quick_problems(folder, manifest.read(folder)) == expected
    assert manifest.all_problems(folder, manifest.read(folder)) == expected


def test_a_change_inside_the_weights_is_found_by_the_full_check_only(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"w" * 4999 + b"x")
    assert manifest.quick_problems(folder, manifest.read(folder)) == []
    assert [p.file for p in manifest.all_problems(folder, manifest.read(folder))] == ["model.onnx"]


def test_missing_shortened_and_extra_files_are_told(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "model.onnx").write_bytes(b"w" * 10)
    (folder / "chat_template.jinja").write_text("surprise")
    told = [str(p) for p in manifest.all_problems(folder, manifest.read(folder))]
    assert sorted(told) == [
        "chat_template.jinja is extra (not part of the model as it was pulled)",
        "model.onnx is damaged (10 bytes, expected 5,000)",
        "tokenizer.json is missing",
    ]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"files": {"a": 1}}', "\x00"])
def test_a_broken_manifest_is_a_clear_error(folder: Path, text: str) -> None:
    (folder / "bakeoff.json").write_text(text)
    with pytest.raises(ModelCorruptError, match=r"bakeoff\.json cannot be read"):
        manifest.read(folder)


def test_a_folder_without_manifest_is_not_a_pulled_model(tmp_path: Path) -> None:
    with pytest.raises(ModelCorruptError, match=r"has no bakeoff\.json"):
        manifest.read(tmp_path)
