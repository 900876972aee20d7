"""A canvas that notes the text drawn on it, and the fonts that come with matplotlib and Pillow."""

from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FILES = {
    "sans": ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    "serif": ("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"),
    "mono": ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
    "stix": ("STIXGeneral.ttf", "STIXGeneralBol.ttf"),
}
FAMILIES = (*FILES, "pillow")


@cache
def font(family: str, size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """A font of FAMILIES, laid out without Raqm, which not every build of Pillow has; "pillow" has no bold."""
    if family == "pillow":
        default = ImageFont.load_default(size)
        assert isinstance(default, ImageFont.FreeTypeFont)
        return default.font_variant(layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.truetype(FOLDER / FILES[family][bold], size, layout_engine=ImageFont.Layout.BASIC)


class Page:
    """A picture to draw on; texts on one base line make one row of its text."""

    def __init__(
        self, width: int, height: int, family: str = "sans", ink: str = "#111111", background: str = "#ffffff"
    ):
        self.image = Image.new("RGB", (width, height), background)
        self.draw = ImageDraw.Draw(self.image)
        self.family = family
        self.ink = ink
        self._texts: list[tuple[int, float, float, str]] = []

    @property
    def width(self) -> int:
        return self.image.width

    def text(
        self, x: int, y: int, text: str, size: int, bold: bool = False, align: str = "left", ink: str | None = None
    ) -> None:
        """Draw `text` with its base line at `y`; `align` says which end of it, or its middle, is at `x`."""
        used = font(self.family, size, bold)
        length = used.getlength(text)
        left = x - length * {"left": 0, "middle": 0.5, "right": 1}[align]
        on_row = [(start, end) for row, start, end, _ in self._texts if row == y]
        inside = 0 <= left <= left + length <= self.width
        if not inside or any(left < end and start < left + length for start, end in on_row):
            raise ValueError(f"{text!r} at {x}, {y} in size {size} leaves the page or covers another text")
        self.draw.text((round(left), y), text, fill=ink or self.ink, font=used, anchor="ls")
        self._texts.append((y, left, left + length, text))

    def rule(self, y: int, left: int, right: int, width: int = 2, ink: str | None = None) -> None:
        self.draw.line((left, y, right, y), fill=ink or self.ink, width=width)

    def lines(self) -> list[str]:
        """The rows of text, top to bottom, the texts of a row joined by a space."""
        rows: dict[int, list[str]] = {}
        for y, _, _, text in sorted(self._texts):
            rows.setdefault(y, []).append(text)
        return [" ".join(texts) for texts in rows.values()]

    def cut(self, height: int) -> Image.Image:
        return self.image.crop((0, 0, self.width, height))
