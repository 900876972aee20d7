from pathlib import Path

import pytest
from promptflow._utils.multimedia_utils import ImageProcessor

from bakeoff.hosts import promptflow_images
from bakeoff.hosts.promptflow_images import address_of, mend_image_inputs, served_flow


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["flow", "test", "--flow", "flows/vision", "--ui"], "flows/vision"),
        (["flow", "test", "--flow", "flows/vision/flow.dag.yaml", "--ui"], "flows/vision"),
        (["flow", "serve", "--source=flows/vision", "--port", "8080"], "flows/vision"),
        (["flow", "test", "--ui"], "."),
    ],
)
def test_the_flow_that_is_served(tmp_path: Path, arguments: list[str], folder: str) -> None:
    (tmp_path / "flows/vision").mkdir(parents=True)
    (tmp_path / "flows/vision/flow.dag.yaml").touch()
    assert served_flow(arguments, tmp_path) == tmp_path / folder


def test_an_uploaded_picture_is_found_beside_the_flow_that_was_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flow/.promptflow").mkdir(parents=True)
    (tmp_path / "flow/.promptflow/a.png").write_bytes(b"uploaded")
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setattr("sys.argv", ["pf", "flow", "test", "--flow", "flow", "--ui"])
    monkeypatch.setattr("multiprocessing.process.ORIGINAL_DIR", str(tmp_path))
    mend_image_inputs()
    assert ImageProcessor.create_image_from_file(Path(".promptflow/a.png"), "image/png") == b"uploaded"
    for missing in (".promptflow/b.png", "a.png"):
        with pytest.raises(FileNotFoundError, match=missing):
            ImageProcessor.create_image_from_file(Path(missing), "image/png")


def test_only_a_picture_that_was_not_fetched_has_an_address() -> None:
    mend_image_inputs()
    assert address_of(ImageProcessor.create_image_from_url("http://pictures.example/a.png")) == (
        "http://pictures.example/a.png"
    )
    assert [address_of(one) for one in (promptflow_images.Image(b"x", "image/png"), b"x", None)] == [None] * 3
