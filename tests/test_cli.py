from pathlib import Path

import pytest

from bakeoff import __version__
from bakeoff.cli import main

NAME = "phi-3-mini-4k-instruct"


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a folder beside the network that has one model of the catalog (or passes for it)."""
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BAKEOFF_SOURCES", str(tmp_path / "shelf"))
    for name in (NAME, f"{NAME}-cuda"):
        folder = tmp_path / "shelf" / name
        folder.mkdir(parents=True)
        (folder / "genai_config.json").write_text('{"model": {"decoder": {"filename": "model.onnx"}}}')
        (folder / "model.onnx").write_text(name)
    return tmp_path / "shelf"


def row_of(name: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["models", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    (row,) = [row for row in rows if row[:1] == [name]]
    return row


def test_list_shows_each_model_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert row_of(NAME, capsys) == [NAME, "MIT", "2.72", "GB", "4,096", "chat", "not", "pulled", "pinned"]
    row = row_of("phi-3.5-vision-instruct-cuda", capsys)
    assert row[5:] == ["chat,", "vision", "not", "pulled", "pinned", "at", "first", "pull"]


def test_pull_path_and_verify(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["models", "path", NAME]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"error: {NAME} is not on this machine yet: run `bakeoff models pull {NAME}`" in captured.err

    folder = tmp_path / "cache" / "models" / NAME
    assert main(["models", "pull", NAME]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{NAME} is ready: {folder}"

    assert main(["models", "path", NAME]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert main(["models", "verify", NAME]) == 0
    assert capsys.readouterr().out == f"{NAME}: every file is as it was made\n"
    assert "ready" in row_of(NAME, capsys)

    (folder / "model.onnx").write_text("something else")
    (folder / "notes.txt").write_text("mine")
    assert main(["models", "verify", NAME]) == 1
    told = capsys.readouterr().out
    assert "model.onnx is damaged" in told
    assert "notes.txt is extra" in told
    assert f"run `bakeoff models pull {NAME}`" in told
    assert "damaged" in row_of(NAME, capsys)
    assert main(["models", "path", NAME]) == 1

    assert main(["models", "pull", NAME]) == 0
    assert main(["models", "verify", NAME]) == 0


def test_a_variant_is_a_model_of_its_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["models", "pull", NAME, "--variant", "cuda"]) == 0
    capsys.readouterr()
    assert main(["models", "path", f"{NAME}-cuda"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'cache' / 'models' / NAME}-cuda\n"
    assert "not" in row_of(NAME, capsys)


@pytest.mark.parametrize("action", ["pull", "path", "verify"])
def test_unknown_names_and_variants_are_errors(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", action, "phi-3-mini-4k"]) == 1
    assert f"did you mean {NAME}" in capsys.readouterr().err
    assert main(["models", action, NAME, "--variant", "rocm"]) == 1
    assert "use cpu, cuda, directml" in capsys.readouterr().err


def test_verify_of_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", NAME]) == 1
    assert "not on this machine" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["models"], ["models", "fetch"], ["models", "pull"]])
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: bakeoff" in capsys.readouterr().err


def test_an_interruption_is_exit_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bakeoff.catalog.pull", interrupted)
    assert main(["models", "pull", NAME]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"bakeoff {__version__}\n"
