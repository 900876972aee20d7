import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image as pillow
from PIL import ImageDraw, ImageFont

from bakeoff.errors import ModelCorruptError
from bakeoff.models.base import Image
from bakeoff.vision import ocr
from bakeoff.vision.layout import to_text
from bakeoff.vision.ocr import OcrResult, read_text

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
TEXT = "GREENFIELD MARKET\nReceipt 48213\nOat milk | 5.98\nRye bread | 3.45\nTotal: | EUR 9.43"


def _draw(
    text: str = TEXT, ink: str = "black", paper: str = "white", size: int = 24, degrees: float = 0, scale: float = 1
) -> pillow.Image:
    """A receipt, its second column at the right; turned clockwise by `degrees`."""
    rows = text.splitlines()
    picture = pillow.new("RGB", (size * 18, size * (2 * len(rows) + 1)), paper)
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), size)
    for number, row in enumerate(rows):
        left, _, right = row.partition(" | ")
        pen.text((size, size * (2 * number + 1)), left, ink, font)
        pen.text((size * 17, size * (2 * number + 1)), right, ink, font, anchor="ra")
    if degrees:
        picture = picture.rotate(-degrees, pillow.Resampling.BICUBIC, expand=True, fillcolor=paper)
    if scale != 1:
        picture = picture.resize(
            (round(picture.width * scale), round(picture.height * scale)), pillow.Resampling.LANCZOS
        )
    return picture


def _read(picture: pillow.Image) -> OcrResult:
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return read_text(Image(data.getvalue(), "image/png"))


def test_a_receipt_is_read_with_confidence_and_boxes():
    result = _read(_draw())
    assert to_text(result.lines) == TEXT
    assert (result.rotation, result.preparation) == (0, ())
    assert result.seconds > 0
    title = next(line for line in result.lines if line.text.startswith("GREEN"))
    assert 0.9 < title.confidence <= 1
    (left, top), (right, _), (_, bottom), _ = title.box
    assert (left, top, bottom) == pytest.approx((24, 26, 48), abs=6)
    assert right == pytest.approx(24 + ImageFont.truetype(str(FONT), 24).getlength(title.text), abs=8)


@pytest.mark.parametrize(("degrees", "rotation"), [(90, 90), (180, 180), (270, 270), (8, 0), (82, 90)])
def test_a_turned_or_skewed_page_is_read_in_order(degrees: float, rotation: int):
    result = _read(_draw(degrees=degrees))
    assert to_text(result.lines) == TEXT
    assert result.rotation == rotation


def test_a_wrong_vote_of_the_direction_classifier_is_put_right(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ocr, "_is_upside_down", lambda *_: True)
    result = _read(_draw())
    assert to_text(result.lines) == TEXT
    assert result.rotation == 0


def test_the_boxes_of_a_turned_page_are_in_its_own_pixels():
    upright, turned = _draw(), _draw(degrees=90)
    straight = {line.text: line.box for line in _read(upright).lines}
    for line in _read(turned).lines:
        expected = [(upright.height - y, x) for x, y in straight[line.text]]
        assert np.abs(np.array(line.box) - expected).max() < 4


def test_grey_print_is_stretched_and_keeps_its_spaces():
    result = _read(_draw(ink="#7a7a7a", paper="#808080"))
    assert to_text(result.lines) == TEXT
    assert result.preparation == ("contrast stretched",)


def test_light_print_on_a_dark_page():
    assert to_text(_read(_draw(ink="white", paper="#202020")).lines) == TEXT


def test_small_print_is_enlarged_where_that_reads_better():
    result = _read(_draw(scale=0.15))
    assert "enlarged" in result.preparation
    assert max(x for line in result.lines for x, _ in line.box) <= _draw(scale=0.15).width + 1


def test_print_that_is_read_well_is_not_read_twice(monkeypatch: pytest.MonkeyPatch):
    readings = []
    read = ocr._read
    monkeypatch.setattr(ocr, "_read", lambda *arguments: readings.append(1) or read(*arguments))
    _read(_draw(scale=0.5))
    assert len(readings) == 1


def test_text_along_an_axis_is_read_from_its_own_first_character():
    picture = _draw("Visitors a day\nMonday | 310\nTuesday | 420")
    label = _draw("Visitors daily", size=20).crop((0, 10, 200, 50)).rotate(90, expand=True)
    page = pillow.new("RGB", (picture.width + 60, max(picture.height, 220)), "white")
    page.paste(picture, (60, 0))
    page.paste(label, (10, 5))
    result = _read(page)
    assert to_text(result.lines).splitlines()[-1] == "Visitors daily"
    (_, first), (_, second) = min(result.lines, key=lambda line: line.box[0][0]).box[:2]
    assert first > second + 100
    assert result.rotation == 0


def test_a_narrow_character_is_not_taken_for_a_line_that_runs_up():
    result = _read(_draw("Days ahead\n1 | 7\nWeeks | l", size=44))
    last = to_text(result.lines).splitlines()[-1]
    assert last in ("Weeks | l", "Weeks | I", "Weeks | 1")


@pytest.mark.parametrize("size", [(8, 8), (8, 1500), (1500, 8)])
def test_a_blank_page_of_any_shape_has_no_lines(size: tuple[int, int]):
    result = _read(pillow.new("RGB", size, "white"))
    assert result.lines == ()


def test_threads_share_one_engine_and_agree():
    pages = [_draw("Alpha one"), _draw("Bravo two")] * 2
    with ThreadPoolExecutor(4) as pool:
        texts = [to_text(result.lines) for result in pool.map(_read, pages)]
    assert texts == ["Alpha one", "Bravo two"] * 2
    assert ocr._engine.cache_info().currsize == 1


def test_nothing_is_downloaded_or_printed(tmp_path: Path):
    (tmp_path / "page.png").write_bytes(b"")
    _draw("Alpha one").save(tmp_path / "page.png")
    code = """
import socket, sys
from pathlib import Path

def refuse(*arguments, **options):
    raise AssertionError("a connection was tried")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from bakeoff.models.base import Image
from bakeoff.vision.ocr import read_text

lines = read_text(Image(Path(sys.argv[1]).read_bytes(), "image/png")).lines
assert [line.text for line in lines] == ["Alpha one"], lines
"""
    command = [sys.executable, "-c", code, str(tmp_path / "page.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_missing_models_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ocr.MODEL_FILES, "Rec", "nothing.onnx")
    with pytest.raises(ModelCorruptError, match=r"nothing.onnx not found in .*models: install rapidocr"):
        ocr._engine.__wrapped__(0)
