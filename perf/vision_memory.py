"""Does memory grow with the images a local multimodal model has seen?

    python perf/vision_memory.py [--images 500] [FOLDER]

Asks one question about each of many different pictures (noise, 21 sizes, PNG) through `OnnxChatModel` and prints the
process's private memory (psutil's `uss`) on the way. Without FOLDER the model is the tiny Phi-3-vision of the tests:
real image processor and generator, small weights, so that a leaked picture (23 MB of crops) would stand out.
"""

import argparse
import gc
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image as pillow
from rich.console import Console

from bakeoff.models.base import Image, Message, Parameters
from bakeoff.models.onnx_chat import OnnxChatModel

ROOT = Path(__file__).parent.parent
BRIEF = Parameters(max_new_tokens=2)


def noise(number: int) -> Image:
    size = (48 + 16 * (number % 7), 64 + 32 * (number % 3), 3)
    pixels = np.random.default_rng(number).integers(0, 256, size, np.uint8)
    stream = io.BytesIO()
    pillow.fromarray(pixels).save(stream, "PNG")
    return Image(stream.getvalue(), "image/png")


def measure(folder: Path, images: int) -> None:
    model, console = OnnxChatModel(folder, folder.name), Console()
    process = psutil.Process()
    started = time.perf_counter()
    for number in range(1, images + 1):
        model.complete([Message("user", "what is this?", (noise(number),))], BRIEF)
        if number in (1, 25, 50) or number % 100 == 0:
            gc.collect()
            private = process.memory_full_info().uss / 2**20
            console.print(f"{number:4} images  {private:7.1f} MB private  {time.perf_counter() - started:6.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=500)
    arguments = parser.parse_args()
    if arguments.folder:
        measure(arguments.folder, arguments.images)
    else:
        sys.path.insert(0, str(ROOT / "tests" / "models"))
        from tiny_phi3v import write_tiny_phi3v

        with tempfile.TemporaryDirectory() as directory:
            measure(write_tiny_phi3v(Path(directory) / "tiny-phi3v"), arguments.images)
