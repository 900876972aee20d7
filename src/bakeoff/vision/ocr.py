"""Text in images, read on this machine by the PP-OCR models that the rapidocr package carries."""

import io
import math
import os
import threading
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from bakeoff.errors import ModelCorruptError
from bakeoff.models.base import Image
from bakeoff.models.onnx_runtime import thread_count

MODEL_FILES = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
MAX_SIDE = 2048  # pixels; larger pages are scaled down
MAX_ASPECT = 3
MIN_CONFIDENCE = 0.5  # lines below are dropped, as rapidocr does
LOW_CONTRAST = 100  # grey values of 255
DOUBTFUL = 0.9  # mean confidence; clear pages measured 0.96 and more
SMALL_PRINT = 12.0  # pixels of a line's height
ENLARGED = 2.0
LONG = 1.5  # times the other side; rapidocr turns crops from there on
LINE = 3.0  # times the other side; a shorter tall crop may be one character
VOTERS = 8  # lines that decide which way up a page is
UPSIDE_DOWN = "180"  # the direction classifier's label

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]
Point = tuple[float, float]

_lock = threading.Lock()


@dataclass(frozen=True)
class OcrLine:
    """A run of text, the recogniser's mean confidence (0 to 1) and its corners in pixels of the image.

    The corners run clockwise as the text reads: the first is above its first character, the second above its last.
    """

    text: str
    confidence: float
    box: tuple[Point, Point, Point, Point]


@dataclass(frozen=True)
class OcrResult:
    """What was read, unordered; `bakeoff.vision.layout` puts it in order.

    rotation: quarter turns clockwise that the page is turned by, in degrees (0, 90, 180, 270); a skew shows in the
    boxes. preparation: what was done to the image to read it better. seconds: of the whole reading.
    """

    lines: tuple[OcrLine, ...]
    rotation: int
    preparation: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class _Reading:
    lines: list[tuple[str, float, Boxes]]
    turns: int

    @property
    def height(self) -> float:
        """Median height of a line in pixels, 0 without lines."""
        return float(np.median([np.linalg.norm(box[0] - box[3]) for _, _, box in self.lines])) if self.lines else 0.0

    @property
    def confidence(self) -> float:
        return float(np.mean([confidence for _, confidence, _ in self.lines])) if self.lines else 0.0

    @property
    def worth(self) -> float:
        """Characters, each counted by how far its line's confidence is above a guess."""
        return sum(len(text) * (confidence - MIN_CONFIDENCE) for text, confidence, _ in self.lines)


def read_text(image: Image) -> OcrResult:
    """Read every line of text in an image that `bakeoff.vision.images` has checked.

    A page whose grey values span less than LOW_CONTRAST of 255 is stretched to the full range: on grey print the
    recogniser otherwise drops spaces without losing confidence. A page turned by quarter turns is turned back. A page
    read with a mean confidence under DOUBTFUL is read again the other way up and, in small print, at twice the size;
    the reading with more confident characters is kept. Enlarging clear small print makes it worse. Skew needs nothing:
    each line is cut out along its own box. Boxes are in pixels of the image given. One image at a time, on
    `thread_count()` threads. Raises ModelCorruptError where rapidocr's models are missing.
    """
    start = time.perf_counter()
    with pillow.open(io.BytesIO(image.data)) as opened:
        picture = opened.convert("RGB")
    preparation = []
    scale = min(1.0, MAX_SIDE / max(picture.size))
    low, high = _contrast(picture)
    if high - low < LOW_CONTRAST:
        picture = picture.point([round(min(max(255 * (v - low) / (high - low), 0), 255)) for v in range(256)] * 3)
        preparation.append("contrast stretched")
    with _lock:
        engine = _engine(os.getpid())
        reading = _read(engine, _pixels(picture, scale))
        fits = ENLARGED * max(picture.size) <= MAX_SIDE
        if fits and reading.confidence < DOUBTFUL and reading.height < SMALL_PRINT:
            enlarged = _read(engine, _pixels(picture, ENLARGED * scale))
            if enlarged.worth > reading.worth:
                reading, scale = enlarged, ENLARGED * scale
                preparation.append("enlarged")
    lines = tuple(_line(text, confidence, box / scale) for text, confidence, box in reading.lines)
    return OcrResult(lines, reading.turns * 90, tuple(preparation), time.perf_counter() - start)


def _read(engine: Any, pixels: Pixels) -> _Reading:
    """Turned so that most text runs left to right and, by the direction classifier, not upside down.

    That classifier errs on noise, so a page read with little confidence is also read the other way up.
    """
    turns, boxes = 0, _detect(engine, pixels)
    if _is_mostly_vertical(boxes):
        turns, pixels = 1, _turned_left(pixels, 1)
        boxes = _detect(engine, pixels)
    if _is_upside_down(engine, pixels, boxes):
        turns, pixels = turns + 2, _turned_left(pixels, 2)
        boxes = _detect(engine, pixels)
    reading = _recognise(engine, pixels, boxes, turns)
    if not reading.lines or reading.confidence >= DOUBTFUL:
        return reading
    pixels = _turned_left(pixels, 2)
    other = _recognise(engine, pixels, _detect(engine, pixels), (turns + 2) % 4)
    return max(reading, other, key=lambda reading: reading.worth)


def _recognise(engine: Any, pixels: Pixels, boxes: Boxes, turns: int) -> _Reading:
    """The text in the boxes, with corners in the image as it was before it was turned left `turns` times."""
    if not len(boxes):
        return _Reading([], turns)
    crops = engine.crop_text_regions(pixels, boxes)
    options = [
        (number, *option)
        for number, (crop, box) in enumerate(zip(crops, boxes, strict=True))
        for option in _orientations(engine, crop, box)
    ]
    found = engine.recognize_txt([crop for _, crop, _ in options])
    best: dict[int, tuple[str, float, Boxes]] = {}
    for (number, _, box), text, confidence in zip(options, found.txts, found.scores, strict=True):
        if number not in best or confidence > best[number][1]:
            best[number] = (text, float(confidence), _turned_back(box, turns, pixels))
    lines = [line for line in best.values() if line[0].strip() and line[1] >= MIN_CONFIDENCE]
    return _Reading(lines, turns)


def _detect(engine: Any, pixels: Pixels) -> Boxes:
    """Corners of the lines [n, 4, 2], clockwise from the top left."""
    from rapidocr.main import RapidOCRError
    from rapidocr.utils.process_img import map_boxes_to_original

    record: dict[str, Any] = {}
    try:
        _, found = engine.detect_and_crop(pixels, record)
    except RapidOCRError:
        return np.empty((0, 4, 2), np.float32)
    height, width = pixels.shape[:2]
    return np.asarray(map_boxes_to_original(found.boxes, record, height, width), np.float32)


def _sides(boxes: Boxes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Widths and heights [n]."""
    return np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1), np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1)


def _is_mostly_vertical(boxes: Boxes) -> bool:
    widths, heights = _sides(boxes)
    return bool(heights[heights > LONG * widths].sum() > widths[widths > LONG * heights].sum())


def _is_upside_down(engine: Any, pixels: Pixels, boxes: Boxes) -> bool:
    """The vote of the direction classifier on the longest lines."""
    widths, heights = _sides(boxes)
    longest = [i for i in np.argsort(-widths)[:VOTERS] if widths[i] > LONG * heights[i]]
    if not longest:
        return False
    _, votes = engine.cls_and_rotate(engine.crop_text_regions(pixels, boxes[longest]))
    return bool(sum(score if label == UPSIDE_DOWN else -score for label, score in votes.cls_res) > 0)


def _orientations(engine: Any, crop: Pixels, box: Boxes) -> list[tuple[Pixels, Boxes]]:
    """The ways a crop may read, each with its corners from the text's own top left.

    rapidocr turns tall crops to the left. Those are lines that run up or down, or one narrow character such as a 1.
    """
    (width,), (height,) = _sides(box[None])
    if int(height) < LONG * int(width):
        return [(crop, box)]
    (turned,), found = engine.cls_and_rotate([crop])
    label, score = found.cls_res[0]
    was_turned = label == UPSIDE_DOWN and score > engine.text_cls.cls_thresh
    along = (turned, np.roll(box, 1 if was_turned else -1, axis=0))
    return [(_turned_left(crop, 3), box), along] if height < LINE * width else [along]


def _turned_left(pixels: Pixels, turns: int) -> Pixels:
    return np.ascontiguousarray(np.rot90(pixels, turns))


def _turned_back(box: Boxes, turns: int, pixels: Pixels) -> Boxes:
    """Corners in pixels that were turned left `turns` times, in the image as it was."""
    height, width = pixels.shape[:2]
    x, y = box[:, 0], box[:, 1]
    back = {0: (x, y), 1: (height - y, x), 2: (width - x, height - y), 3: (y, width - x)}
    return np.stack(back[turns], axis=1)


def _pixels(picture: pillow.Image, scale: float) -> Pixels:
    """Blue, green, red [height, width, 3], the order the models were trained on.

    A long page gets a margin of its median brightness at the right or below: the detector enlarges the short side to
    736 pixels, whatever that makes of the long one.
    """
    if scale != 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, pillow.Resampling.LANCZOS)
    pixels = np.asarray(picture)[:, :, ::-1]
    least = math.ceil(max(picture.size) / MAX_ASPECT)
    below, right = max(0, least - picture.height), max(0, least - picture.width)
    if below or right:
        paper = int(np.median(pixels))
        return np.pad(pixels, ((0, below), (0, right), (0, 0)), constant_values=paper)
    return np.ascontiguousarray(pixels)


def _contrast(picture: pillow.Image) -> tuple[float, float]:
    """The grey values that all but a thousandth of the pixels lie between; 0 and 255 for a blank page."""
    low, high = np.percentile(np.asarray(picture.convert("L")), (0.1, 99.9))
    return (float(low), float(high)) if high > low else (0.0, 255.0)


def _line(text: str, confidence: float, box: Boxes) -> OcrLine:
    a, b, c, d = ((float(x), float(y)) for x, y in box)
    return OcrLine(text, confidence, (a, b, c, d))


@cache
def _engine(process: int) -> Any:
    """The engine of this process (a forked child has the parent's, but not the threads it runs on)."""
    spec = find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path("rapidocr")
    missing = [name for name in MODEL_FILES.values() if not (folder / name).is_file()]
    if missing:
        raise ModelCorruptError(f"{', '.join(missing)} not found in {folder}: install rapidocr 3.10 again")
    from rapidocr import RapidOCR

    parameters: dict[str, Any] = {f"{part}.model_path": str(folder / name) for part, name in MODEL_FILES.items()}
    parameters["Global.log_level"] = "error"
    parameters["EngineConfig.onnxruntime.intra_op_num_threads"] = thread_count()
    return RapidOCR(params=parameters)
