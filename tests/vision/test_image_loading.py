import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from bakeoff.errors import InputError
from bakeoff.models.base import Image
from bakeoff.vision import images
from bakeoff.vision.images import CLOUD, LOCAL, Budget, load_image, load_images, normalise

RED, BLUE = (255, 0, 0), (0, 0, 255)


def _encoded(picture: pillow.Image, kind: str = "PNG", **options: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, format=kind, **options)
    return data.getvalue()


def _flag(size: tuple[int, int] = (40, 20)) -> pillow.Image:
    """The left half red, the right half blue."""
    picture = pillow.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture


def _opened(image: Image) -> pillow.Image:
    picture = pillow.open(io.BytesIO(image.data))
    picture.load()
    assert pillow.MIME[str(picture.format)] == image.media_type
    return picture


def _header_of_png(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels and has none."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_that_needs_no_change_keeps_its_bytes(kind: str):
    data = _encoded(_flag(), kind)
    image, notes = normalise(data)
    assert image == Image(data, pillow.MIME[kind])
    assert notes == ()


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "TIFF", "GIF"])
def test_kinds_that_few_models_read_become_png(kind: str):
    image, _ = normalise(_encoded(_flag(), kind))
    picture = _opened(image)
    assert (image.media_type, picture.mode, picture.size) == ("image/png", "RGB", (40, 20))
    assert np.abs(np.array(picture.getpixel((5, 5))) - RED).max() < 12


def test_the_kind_is_told_by_the_content_not_the_name(tmp_path: Path):
    (tmp_path / "flag.png").write_bytes(_encoded(_flag(), "JPEG"))
    assert load_image("flag.png", tmp_path).image.media_type == "image/jpeg"


def test_cmyk_becomes_rgb():
    image, _ = normalise(_encoded(pillow.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = _opened(image).getpixel((5, 5))
    assert red > 200
    assert max(green, blue) < 60


def test_sixteen_bits_keep_their_brightness():
    values = np.full((20, 20), 0x8080, np.uint16)
    image, _ = normalise(_encoded(pillow.fromarray(values)))
    assert _opened(image).getpixel((5, 5)) == (128, 128, 128)


def test_sixteen_bit_colour_is_written_with_eight():
    rows = b"".join(b"\0" + struct.pack(">HHH", 0xFFFF, 0, 0) * 10 for _ in range(10))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 10, 10, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    image, _ = normalise(b"\x89PNG\r\n\x1a\n" + parts)
    assert image.data[24] == 8
    assert _opened(image).getpixel((5, 5)) == RED


def test_pixels_without_a_defined_white_are_refused():
    data = _encoded(pillow.new("F", (20, 20), 0.5), "TIFF")
    with pytest.raises(InputError, match="save it with 8 or 16 bits"):
        normalise(data)


def test_a_palette_becomes_its_colours():
    image, _ = normalise(_encoded(_flag().quantize(4)))
    assert _opened(image).getpixel((35, 5)) == BLUE


@pytest.mark.parametrize(("ink", "paper"), [("black", (255, 255, 255)), ("white", (0, 0, 0))])
def test_transparency_is_laid_on_paper_that_shows_the_ink(ink: str, paper: tuple[int, int, int]):
    picture = pillow.new("RGBA", (20, 20), (90, 90, 90, 0))
    picture.paste(ink, (0, 0, 10, 20))
    image, _ = normalise(_encoded(picture))
    assert _opened(image).getpixel((15, 5)) == paper
    assert _opened(image).getpixel((5, 5)) == pillow.new("RGB", (1, 1), ink).getpixel((0, 0))


def test_a_transparent_colour_of_a_palette_is_transparent():
    picture = pillow.new("P", (20, 20), 0)
    picture.putpalette([0, 0, 0, 10, 10, 10])
    picture.paste(1, (0, 0, 10, 20))
    image, _ = normalise(_encoded(picture, transparency=0))
    assert _opened(image).getpixel((15, 5)) == (255, 255, 255)
    assert _opened(image).getpixel((5, 5)) == (10, 10, 10)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken_and_that_is_said(kind: str):
    frames = [pillow.new("RGB", (20, 20), colour) for colour in (RED, BLUE)]
    image, notes = normalise(_encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert notes == ("first frame or page of several",)
    assert getattr(_opened(image), "n_frames", 1) == 1
    assert _opened(image).getpixel((5, 5)) == RED


@pytest.mark.parametrize(("orientation", "red_at"), [(3, (35, 5)), (6, (5, 5)), (8, (5, 35))])
def test_the_exif_orientation_is_applied(orientation: int, red_at: tuple[int, int]):
    exif = pillow.Exif()
    exif[0x0112] = orientation
    image, _ = normalise(_encoded(_flag(), exif=exif))
    assert _opened(image).getpixel(red_at) == RED
    assert not _opened(image).getexif()


def test_exif_data_such_as_a_place_does_not_travel():
    exif = pillow.Exif()
    exif[0x010F] = "maker"
    image, _ = normalise(_encoded(_flag(), "JPEG", exif=exif))
    assert not _opened(image).getexif()


@pytest.mark.parametrize(
    ("size", "budget", "expected"),
    [
        ((1000, 500), Budget(100, 100), (100, 50)),
        ((500, 1000), Budget(100, 100), (50, 100)),
        ((100, 50), Budget(100, 100), (100, 50)),
        ((4000, 10), Budget(100, 100), (100, 1)),
        ((2048, 4096), CLOUD, (768, 1536)),
        ((4096, 1024), CLOUD, (2048, 512)),
    ],
)
def test_large_images_are_scaled_to_the_budget(size: tuple[int, int], budget: Budget, expected: tuple[int, int]):
    assert _opened(normalise(_encoded(pillow.new("RGB", size)), budget)[0]).size == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"Dear Sir or Madam", "is not an image that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image that can be read"),
        (_encoded(_flag((400, 400)))[:200], "is damaged or cut off"),
        (_encoded(_flag((400, 400)), "JPEG")[:900], "is damaged or cut off"),
        (_encoded(_flag())[:20], "is (damaged|not an image)"),
        (_encoded(pillow.new("RGB", (1, 1))), "too small to show anything: 1 x 1 pixels, each side needs 8"),
        (_header_of_png(20_000, 20_000), "too many pixels: .* the limit is 50,000,000"),
        (_header_of_png(8_000, 8_000), "too many pixels: 8000 x 8000 = 64,000,000 where the limit is 50,000,000"),
    ],
)
def test_bad_bytes_are_refused_with_what_to_do(data: bytes, message: str):
    with pytest.raises(InputError, match=message):
        normalise(data)


def test_a_bomb_is_refused_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch):
    def decode(*_: object) -> None:
        pytest.fail("the pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(InputError, match="too many pixels"):
        normalise(_encoded(pillow.new("1", (20_000, 20_000))))


@pytest.mark.parametrize(("kind", "expected"), [("PNG", {"refused", "mended"}), ("JPEG", {"refused"})])
def test_a_cut_is_refused_or_took_no_pixel_and_is_mended(kind: str, expected: set[str]):
    data = _encoded(_flag((64, 64)), kind)
    whole = _opened(normalise(data)[0]).tobytes()
    outcomes = set()
    for end in range(1, len(data)):
        try:
            image, _ = normalise(data[:end])
        except InputError:
            outcomes.add("refused")
            continue
        outcomes.add("mended")
        assert image.media_type == "image/png"
        assert _opened(image).tobytes() == whole
    assert outcomes == expected


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_damaged_bytes_raise_nothing_but_input_errors(kind: str):
    data = _encoded(_flag((64, 64)), kind)
    random = np.random.default_rng(4)
    for _ in range(60):
        damaged = bytearray(data)
        for position in random.integers(0, len(data), 4):
            damaged[position] = random.integers(256)
        try:
            image, _ = normalise(bytes(damaged))
        except InputError:
            continue
        assert min(_opened(image).size) >= 1


def test_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    data = _encoded(_flag())
    monkeypatch.setattr(images, "MAX_BYTES", len(data) - 1)
    (tmp_path / "flag.png").write_bytes(data)
    for source in (data, "flag.png"):
        with pytest.raises(InputError, match="the limit is"):
            load_image(source, tmp_path)


def test_images_keep_their_order_and_names(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "flag.png").write_bytes(_encoded(_flag()))
    loaded = load_images(["deep/flag.png", _encoded(_flag(), "JPEG"), tmp_path / "deep" / "flag.png"], tmp_path)
    assert [image.name for image in loaded] == ["deep/flag.png", "image 2", str(tmp_path / "deep" / "flag.png")]
    assert [image.image.media_type for image in loaded] == ["image/png", "image/jpeg", "image/png"]


def test_twenty_images_in_one_question_are_refused():
    with pytest.raises(InputError, match="20 images in one question: the limit is 10"):
        load_images([_encoded(_flag())] * 20)


def test_the_error_names_the_image_by_number_and_name(tmp_path: Path):
    (tmp_path / "letter.png").write_text("Dear Sir or Madam")
    with pytest.raises(InputError, match=r"^image 2 \(letter.png\): is not an image .* use PNG"):
        load_images([_encoded(_flag()), "letter.png"], tmp_path)
    with pytest.raises(InputError, match="^image 1: is empty"):
        load_images([b""])


@pytest.fixture
def two_folders(tmp_path: Path) -> Path:
    """The data folder; beside it lies secret.png, which links of many kinds in the folder lead to."""
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(_encoded(_flag()))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "circle.png").symlink_to(folder / "circle.png")
    (folder / "inside.png").write_bytes(_encoded(_flag()))
    (folder / "good_link.png").symlink_to(folder / "inside.png")
    return folder


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../secret.png", "lies outside the data folder"),
        ("link.png", "lies outside the data folder"),
        ("up/secret.png", "lies outside the data folder"),
        ("/etc/passwd", "lies outside the data folder"),
        ("circle.png", "cannot be opened"),
        ("nothing.png", "there is no such file in the data folder"),
        ("", "is not a file"),
        (".", "is not a file"),
        ("in\0side.png", "cannot be opened"),
        ("x" * 5000, "cannot be opened"),
        ("file:///etc/passwd", "addresses are not read"),
        ("data:image/png;base64,AAAA", "addresses are not read"),
        ("http://127.0.0.1/a.png", "web addresses are refused unless they are allowed"),
        ("HTTPS://example.com/a.png", "web addresses are refused unless they are allowed"),
    ],
)
def test_what_lies_outside_the_data_folder_is_refused(two_folders: Path, path: str, message: str):
    with pytest.raises(InputError, match=message):
        load_image(path, two_folders)


@pytest.mark.parametrize("path", ["inside.png", "good_link.png", "../data/inside.png"])
def test_what_ends_inside_the_data_folder_is_read(two_folders: Path, path: str):
    assert load_image(path, two_folders).image.media_type == "image/png"


def test_a_pipe_does_not_hang(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="is not a file"):
        load_image("pipe.png", tmp_path)


def test_without_a_data_folder_no_file_is_read(two_folders: Path):
    with pytest.raises(InputError, match="no data folder is given"):
        load_image(two_folders / "inside.png")


def test_a_key_in_an_address_is_not_repeated():
    with pytest.raises(InputError) as caught:
        load_image("https://user:hunter2@example.com/a.png?sig=hunter3#hunter4")
    assert "example.com/a.png" in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_the_local_budget_is_larger_than_what_the_cloud_sees():
    assert LOCAL.short_side > CLOUD.short_side
