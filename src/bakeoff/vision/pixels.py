"""Pictures as a model is to see them."""

from PIL import Image as pillow
from PIL import ImageOps, ImageStat

from bakeoff.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


def rgb(picture: pillow.Image) -> pillow.Image:
    """The picture upright, in red, green and blue; what is transparent gets a paper that its content stands out from.

    Raises InputError for pixels whose white nobody knows.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    elif picture.mode in ("I", "F"):
        raise InputError(f"has {picture.mode} pixels of 32 bits without a defined white; save it with 8 or 16 bits")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    is_light = max(ImageStat.Stat(picture.convert("L"), mask=picture.getchannel("A")).mean) > 127
    paper = pillow.new("RGBA", picture.size, "black" if is_light else "white")
    return pillow.alpha_composite(paper, picture).convert("RGB")
