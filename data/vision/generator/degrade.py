"""Make a clean picture harder to read, as scanners, phones and fax machines do."""

import io
from random import Random

import numpy as np
from PIL import Image, ImageFilter


def rotated(image: Image.Image, rng: Random) -> Image.Image:
    """Turned by 2 to 7 degrees either way; the corners get the picture's own background."""
    angle = rng.choice((-1, 1)) * rng.uniform(2, 7)
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=image.getpixel((2, 2)))


def turned(image: Image.Image, rng: Random) -> Image.Image:
    """Turned by 90, 180 or 270 degrees."""
    return image.transpose(
        rng.choice((Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270))
    )


def blurred(image: Image.Image, rng: Random) -> Image.Image:
    """Out of focus: a Gaussian with a radius of 0.9 to 1.3 px."""
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.9, 1.3)))


def noisy(image: Image.Image, rng: Random) -> Image.Image:
    """A grey scan with Gaussian noise of 18 levels and 0.4 % black or white pixels."""
    grey = np.asarray(image.convert("L"), dtype=np.float64)
    noise = np.random.default_rng(rng.randrange(2**32))
    grey = grey + noise.normal(0, 18, grey.shape)
    dust = noise.random(grey.shape)
    grey[dust < 0.002] = 0
    grey[dust > 0.998] = 255
    return Image.fromarray(grey.clip(0, 255).round().astype(np.uint8)).convert("RGB")


def low_contrast(image: Image.Image, rng: Random) -> Image.Image:
    """All levels squeezed into a quarter of the range."""
    floor = rng.randrange(90, 150)
    return image.point([floor + level // 4 for level in range(256)] * 3)


def small_print(image: Image.Image, rng: Random) -> Image.Image:
    """Shrunk to 50 to 60 % of its size."""
    scale = rng.uniform(0.5, 0.6)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def jpeg(image: Image.Image, rng: Random) -> Image.Image:
    """With the blocks and rings of a JPEG file of quality 10 to 16."""
    with io.BytesIO() as file:
        image.save(file, "JPEG", quality=rng.randint(10, 16))
        return Image.open(file).convert("RGB")


DEGRADATIONS = {
    degrade.__name__: degrade for degrade in (rotated, blurred, noisy, low_contrast, small_print, jpeg, turned)
}
