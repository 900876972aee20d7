"""Images in the prompts of local multimodal models: each model type's own markup, and the tensors of its processor.

A processor of onnxruntime-genai takes a prompt as one string and finds its image tags by regular expression, wherever
they stand. So it is only ever given tags, never a person's text: it tells how many tokens each image takes, and the
prompt's token ids are made here, with the images where the provider put them. They are those the processor would make
itself of a prompt whose texts hold no tag and no control token.

Nor does it ever get image bytes as they came. onnxruntime-genai 0.18 takes whatever is no PNG for a JPEG, and libjpeg's
way out of an error ends the process (exit code 1) for any other file, and never returns for a JPEG that is cut off.
So Pillow decodes them, and the processor gets PNGs written here.
"""

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as pillow
from PIL import UnidentifiedImageError

from bakeoff import catalog
from bakeoff.errors import BakeoffError, InputError, ModelCorruptError, NotSupportedError
from bakeoff.models.base import Image, Message
from bakeoff.models.onnx_runtime import Runtime, genai
from bakeoff.models.onnx_text import Ids, Part, TextEncoder
from bakeoff.vision.pixels import FORMATS, rgb


@dataclass(frozen=True)
class Markup:
    """How a model type writes an image into a prompt (onnxruntime-genai: examples/python/common.py, src/models).

    tag: what its processor looks for, `{}` is the image's number from 1. token: the token that stands for each of the
    image's features; empty where the processor writes minus the image's number and encodes the texts around it apart.
    prompt: what the processor makes of the tag before encoding, with the token once. after: what follows each image.
    """

    tag: str
    token: str = ""
    prompt: str = ""
    after: str = ""


_QWEN = "<|vision_start|><|image_pad|><|vision_end|>"
MARKUPS = {
    "phi3v": Markup("<|image_{}|>", after="\n"),
    "phi4mm": Markup("<|image_{}|>", "<|endoftext10|>", "<|endoftext10|>", "\n"),
    "qwen2_5_vl": Markup(_QWEN, "<|image_pad|>", _QWEN),
    "qwen3_vl": Markup(_QWEN, "<|image_pad|>", _QWEN),
    "fara": Markup(_QWEN, "<|image_pad|>", _QWEN),
    "gemma3": Markup(
        "<start_of_image>",
        "<image_soft_token>",
        "\n\n<start_of_image><image_soft_token><end_of_image>\n\n",
    ),
}
"""By the model type of genai_config.json: those whose processor in onnxruntime-genai 0.18 reads images for a chat."""


@dataclass(frozen=True)
class ReadImages:
    """Images as a model takes them.

    counts: tokens of each. tensors: onnxruntime-genai's NamedTensors, whose input_ids are still those of the tags.
    """

    counts: tuple[int, ...]
    tensors: Any


class Vision:
    """Reads images for one loaded multimodal model, and encodes prompts that hold them.

    Raises ModelCorruptError where the folder's image processor cannot be opened.
    """

    def __init__(self, runtime: Runtime, encoder: TextEncoder, folder: Path):
        self.markup = MARKUPS[runtime.kind]
        self._encoder = encoder
        try:
            self._processor = runtime.model.create_multimodal_processor()
        except RuntimeError as error:
            raise ModelCorruptError(
                f"the image processor of the model in {folder} cannot be opened: {error}. Fetch the model again"
            ) from error
        self._token = runtime.tokenizer.to_token_id(self.markup.token) if self.markup.token else None
        self._lock = threading.Lock()

    def read(self, messages: Sequence[Message]) -> ReadImages | None:
        """The images of all messages, in order; None where there is none.

        Raises InputError naming the message and the image that cannot be decoded or taken by the processor.
        """
        named = {
            f"image {j} of message {i} ({message.role})": image
            for i, message in enumerate(messages, 1)
            for j, image in enumerate(message.images, 1)
        }
        if not named:
            return None
        pngs = {where: _as_png(image, where) for where, image in named.items()}
        try:
            tensors = self._process(list(pngs.values()))
        except RuntimeError as error:
            for where, png in pngs.items():
                self._check(png, where)
            raise BakeoffError(f"onnxruntime-genai cannot take these {len(pngs)} images together: {error}") from error
        if "image_grid_thw" in tensors.keys():  # noqa: SIM118 (NamedTensors is no mapping)
            _close_gaps(tensors)
        ids = tensors["input_ids"].as_numpy().ravel()
        stands_for_image = ids < 0 if self._token is None else ids == self._token
        edges = np.flatnonzero(np.diff(np.concatenate([[False], stands_for_image, [False]]).astype(np.int8)))
        counts = tuple(int(n) for n in edges[1::2] - edges[::2])
        if len(counts) != len(pngs):
            raise BakeoffError(
                f"onnxruntime-genai's processor gave tokens for {len(counts)} of {len(pngs)} images: "
                f"the model's tokenizer has no token {self.markup.token!r}"
            )
        return ReadImages(counts, tensors)

    def _process(self, pngs: Sequence[bytes]) -> Any:
        tags = "a".join(self.markup.tag.format(number) for number in range(1, len(pngs) + 1))
        with self._lock:
            return self._processor(tags, images=genai().Images.open_bytes(*pngs))

    def _check(self, png: bytes, where: str) -> None:
        try:
            self._process([png])
        except RuntimeError as error:
            raise InputError(f"{where} is not for this model ({error}): crop it, or scale it to usual sizes") from error

    def encode(self, parts: Sequence[Part], counts: Sequence[int]) -> Ids:
        """Token ids of a prompt; `counts` has the tokens of each of its image parts. Raises as TextEncoder.encode."""
        if self._token is None:
            pieces: list[Ids] = []
            start = 0
            for number, at in enumerate((i for i, part in enumerate(parts) if part.image), 1):
                pieces += [self._encoder.encode(parts[start:at]), np.full(counts[number - 1], -number, np.int32)]
                start = at + 1
            return np.concatenate([*pieces, self._encoder.encode(parts[start:])])
        ids = self._encoder.encode(parts)
        repeats = np.ones(len(ids), np.int64)
        repeats[ids == self._token] = counts
        return np.repeat(ids, repeats)


def image_parts(markup: Markup, count: int) -> list[Part]:
    """The trusted parts that stand in a prompt for one turn's images."""
    one = [Part(markup.prompt, trusted=True, image=True), Part(markup.after, trusted=True)]
    return one * count


def model_inputs(images: ReadImages, ids: Ids) -> Any:
    """What `Generator.set_inputs` takes for a prompt of these ids and images."""
    tensors = images.tensors
    tensors["input_ids"] = ids[np.newaxis]
    return tensors


def check_images(messages: Sequence[Message], name: str, sees: bool) -> None:
    """Raises NotSupportedError for images before a model that does not see, InputError for those of other turns."""
    for i, message in enumerate(messages):
        if not message.images:
            continue
        if not sees:
            seeing = [entry.name for entry in catalog.load().values() if "vision" in entry.capabilities]
            raise NotSupportedError(
                f"{name} reads text only: message {i + 1} ({message.role}) has images. Models that see: "
                f"{', '.join(seeing)}; any onnxruntime-genai folder of type {', '.join(MARKUPS)}; a multimodal endpoint"
            )
        if message.role != "user":
            raise InputError(f"message {i + 1} ({message.role}) has images: only the user's messages may have them")


def _close_gaps(tensors: Any) -> None:
    """Put the patches of Qwen's images one after another, as onnxruntime-genai 0.18 reads them.

    Its processor pads each image to the patches of the largest; its vision loop takes image after image by its own
    size, and so would see the padding of a smaller one in place of the next.
    """
    patches, sizes = tensors["pixel_values"].as_numpy(), tensors["image_grid_thw"].as_numpy().prod(axis=1)
    if len(patches) == len(sizes) * sizes.max() > sizes.sum():
        padded = patches.reshape(len(sizes), -1, patches.shape[-1])
        tensors["pixel_values"] = np.concatenate([image[:size] for image, size in zip(padded, sizes, strict=True)])


def _as_png(image: Image, where: str) -> bytes:
    """The image as an RGB PNG. Raises InputError where Pillow cannot decode all of it."""
    try:
        with pillow.open(io.BytesIO(image.data), formats=FORMATS) as picture, io.BytesIO() as stream:
            rgb(picture).save(stream, "PNG", compress_level=1)
            return stream.getvalue()
    except InputError as error:
        raise InputError(f"{where} {error}") from None
    except (OSError, SyntaxError, ValueError, EOFError, pillow.DecompressionBombError) as error:
        reason = "no known image format" if isinstance(error, UnidentifiedImageError) else error
        raise InputError(
            f"{where} cannot be read ({image.media_type}, {len(image.data):,} bytes): {reason}. "
            f"Give a whole {', '.join(FORMATS)} file"
        ) from error
