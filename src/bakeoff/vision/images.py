"""Images from bytes, files or (opt-in) the web, checked, turned upright and scaled down for a model or OCR."""

import io
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as pillow
from PIL import UnidentifiedImageError

from bakeoff.errors import InputError
from bakeoff.models.base import Image
from bakeoff.vision.fetch import fetch
from bakeoff.vision.pixels import FORMATS, rgb

MAX_IMAGES = 10
MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000  # a sheet of A4 at 600 dots per inch has 35 million
MIN_SIDE = 8
KEPT_FORMATS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}  # every model reads these; how their files end
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Budget:
    """The most pixels that an image keeps on its long and on its short side; larger ones are scaled down to it."""

    long_side: int
    short_side: int


LOCAL = Budget(2048, 2048)
CLOUD = Budget(2048, 768)
"""What GPT-4o sees at `detail: high`: it fits an image into 2048 x 2048 and then scales its short side down to 768
before it cuts tiles of 512, so more pixels are sent for nothing (OpenAI, "Images and vision", "Calculating costs")."""
LOW = Budget(512, 512)
"""What it sees at `detail: low`, of any image, for a fixed number of tokens (the same page)."""


@dataclass(frozen=True)
class LoadedImage:
    """An image and what a person would call it; `notes` says what was left out or changed in meaning."""

    image: Image
    name: str
    notes: tuple[str, ...] = ()


def load_images(
    sources: Sequence[bytes | str | Path], folder: Path | None = None, budget: Budget = LOCAL, allow_http: bool = False
) -> tuple[LoadedImage, ...]:
    """The images of one question, in order; see `load_image`. Raises InputError for more than MAX_IMAGES of them."""
    if len(sources) > MAX_IMAGES:
        raise InputError(
            f"{len(sources)} images in one question: the limit is {MAX_IMAGES}; ask about fewer, or more questions"
        )
    return tuple(
        load_image(source, folder, budget, allow_http, number) for number, source in enumerate(sources, start=1)
    )


def load_image(
    source: bytes | str | Path,
    folder: Path | None = None,
    budget: Budget = LOCAL,
    allow_http: bool = False,
    number: int = 1,
) -> LoadedImage:
    """One image, ready for a model or OCR, from encoded bytes, a path below `folder` or an http(s) address.

    Relative paths start at `folder`; without a folder no path is allowed. Addresses are refused unless `allow_http`,
    and then limited as `bakeoff.vision.fetch` says. Raises InputError, with the image's number and name, for everything
    that cannot be read or exceeds MAX_BYTES, MAX_PIXELS or MIN_SIDE.
    """
    if isinstance(source, bytes):
        label, name = f"image {number}", f"image {number}"
    else:
        name = _display_name(str(source))
        label = f"image {number} ({name})"
    try:
        data = source if isinstance(source, bytes) else _read(source, folder, allow_http)
        image, notes = normalise(data, budget)
    except InputError as error:
        raise InputError(f"{label}: {error}") from error
    return LoadedImage(image, name, notes)


def normalise(data: bytes, budget: Budget = LOCAL) -> tuple[Image, tuple[str, ...]]:
    """The first frame as an upright 8-bit RGB image within the budget, and notes on what that left out.

    A PNG or JPEG that is all that already and has no EXIF data keeps its bytes; anything else is written again as PNG
    without metadata. Transparency is laid on white, or on black where what can be seen is light. The kind of image is
    told by its content, never by a name. Raises InputError for damaged, unknown, too small and too large images;
    the number of pixels is taken from the header, before anything is decoded.
    """
    if not data:
        raise InputError("is empty (0 bytes); was it saved or uploaded completely?")
    if len(data) > MAX_BYTES:
        raise InputError(f"has {len(data):,} bytes: the limit is {MAX_BYTES:,}; save it smaller")
    try:
        with pillow.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_size(opened.size)
            notes = ("first frame or page of several",) if getattr(opened, "is_animated", False) else ()
            opened.load()
            keep = not notes and _is_plain(opened, data) and _scaled(opened.size, budget) == opened.size
            if keep and opened.format:
                return Image(data, pillow.MIME[opened.format]), notes
            picture = rgb(opened)
    except UnidentifiedImageError:
        raise InputError(
            f"is not an image that can be read, whatever its name says; use {', '.join(FORMATS)}"
        ) from None
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        raise InputError(_too_many_pixels("far more")) from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"is damaged or cut off ({error}); save or upload it again") from error
    size = _scaled(picture.size, budget)
    if size != picture.size:
        picture = picture.resize(size, pillow.Resampling.LANCZOS)
    encoded = io.BytesIO()
    picture.save(encoded, format="PNG")
    return Image(encoded.getvalue(), "image/png"), notes


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise InputError(_too_many_pixels(f"{width} x {height} = {width * height:,}"))
    if min(size) < MIN_SIDE:
        raise InputError(f"is too small to show anything: {width} x {height} pixels, each side needs {MIN_SIDE}")


def _too_many_pixels(found: str) -> str:
    return f"has too many pixels: {found} where the limit is {MAX_PIXELS:,}; scale it down first"


def _is_plain(picture: pillow.Image, data: bytes) -> bool:
    """Whether every model reads these bytes the same way; byte 24 of a PNG is its bit depth."""
    is_deep = picture.format == "PNG" and data[24] == 16
    return (
        picture.format in KEPT_FORMATS
        and data.endswith(KEPT_FORMATS[picture.format])
        and picture.mode == "RGB"
        and not is_deep
        and not picture.has_transparency_data
        and not picture.getexif()
    )


def _scaled(size: tuple[int, int], budget: Budget) -> tuple[int, int]:
    factor = min(1.0, budget.long_side / max(size), budget.short_side / min(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _read(source: str | Path, folder: Path | None, allow_http: bool) -> bytes:
    scheme = re.match(r"([a-z][a-z0-9+.-]+):", str(source), re.IGNORECASE)
    if scheme is None:
        return _read_file(source, folder)
    if scheme[1].lower() not in ("http", "https"):
        raise InputError(f"{scheme[1]}: addresses are not read; give the bytes or a file in the data folder")
    if not allow_http:
        raise InputError("web addresses are refused unless they are allowed; download it into the data folder")
    return fetch(str(source), MAX_BYTES)


def _read_file(path: str | Path, folder: Path | None) -> bytes:
    if folder is None:
        raise InputError("no data folder is given, so no file may be read; give the bytes")
    allowed = folder.resolve()
    try:
        file = (allowed / path).resolve(strict=True)
        if not file.is_relative_to(allowed):
            raise InputError(f"lies outside the data folder {folder}; copy it there")
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is not a file")
        if status.st_size > MAX_BYTES:
            raise InputError(f"has {status.st_size:,} bytes: the limit is {MAX_BYTES:,}; save it smaller")
        return file.read_bytes()
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"there is no such file in the data folder {folder}") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be opened ({reason})") from error


def _display_name(source: str) -> str:
    """Without the query and user part of an address, which may hold a key, and not longer than 100 characters."""
    name = re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", source)[0]) if "://" in source else source
    return name if len(name) <= 100 else name[:97] + "..."
