import json
from pathlib import Path
from typing import Any

from experiment_files import write_bundle, write_data, write_experiment

from bakeoff.experiments.definition import Contender, load_experiment
from bakeoff.hosts.experiment_images import from_anywhere
from bakeoff.hosts.experiment_key import row_key


def named(*paths: str) -> list[dict[str, str]]:
    return [{"data:image/png;path": path} for path in paths]


def test_paths_are_taken_from_the_folder_of_the_data(tmp_path: Path) -> None:
    row = {
        "word": "images/a.png",
        "image": named("images/a.png", "../b.png"),
        "more": {"data:image/png;base64": "aGk="},
    }
    moved = from_anywhere(row, tmp_path / "data")
    found = [one["data:image/png;path"] for one in moved["image"]]
    assert found == [str(tmp_path / "data/images/a.png"), str(tmp_path / "b.png")]
    assert (moved["word"], moved["more"]) == (row["word"], row["more"])
    assert json.loads(json.dumps(moved)) == from_anywhere(moved, Path("/elsewhere"))


def test_another_picture_under_the_same_name_is_asked_again(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    row: dict[str, Any] = {"id": "a", "category": "a", "word": named("a.png")[0], "truth": "a"}
    write_data(tmp_path, [row])
    (task,) = load_experiment(write_experiment(tmp_path)).tasks
    keys = set()
    for content in (None, b"one", b"two"):
        if content:
            (tmp_path / "data/a.png").write_bytes(content)
        keys.add(row_key(task, Contender("a"), "a", row))
    assert len(keys) == 3
