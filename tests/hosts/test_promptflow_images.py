from pathlib import Path

import pytest
from promptflow._utils.multimedia_utils import ImageProcessor

from bakeoff.errors import InputError
from bakeoff.hosts.promptflow_images import mend_image_inputs, served_flow, source_of


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


def test_a_picture_is_its_bytes_or_the_address_that_was_not_fetched(tmp_path: Path) -> None:
    mend_image_inputs()
    (tmp_path / "a.png").write_bytes(b"here")
    assert source_of(ImageProcessor.create_image_from_file(tmp_path / "a.png", "image/png")) == b"here"
    address = "http://pictures.example/a.png"
    assert source_of(ImageProcessor.create_image_from_url(address)) == address
    assert [source_of(one) for one in (b"x", "text", None)] == [b"x", "text", None]


@pytest.mark.parametrize(
    ("file", "message"), [("b.png", "there is no picture .*b.png"), ("../a.png", "may lie outside the data folder")]
)
def test_a_file_that_is_not_opened_is_told_by_the_flow(tmp_path: Path, file: str, message: str) -> None:
    mend_image_inputs()
    (tmp_path / "a.png").write_bytes(b"here")
    (tmp_path / "rows").mkdir()
    image = ImageProcessor.create_image_from_file(tmp_path / "rows" / file, "image/png")
    assert image == b""
    with pytest.raises(InputError, match=message):
        source_of(image)
