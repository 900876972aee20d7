"""Two things that Prompt Flow 1.18.5 does with the inputs of type image of a flow, put right in the running process.

It fetches a picture at a web address (`{"data:image/png;url": "http://..."}`, or the bare address) by itself, before
the first node runs: without a limit of size or time, and with a second look-up of the name after the one it checked.

Its chat page saves an uploaded picture below the flow's folder, but serves a flow that has `additional_includes` from a
copy elsewhere, where the picture is not found.
"""

import argparse
import multiprocessing.process
import sys
from pathlib import Path
from typing import Any

from promptflow._utils.multimedia_utils import ImageProcessor
from promptflow.contracts.multimedia import Image

UPLOADS = ".promptflow"

_from_file = ImageProcessor.create_image_from_file


def mend_image_inputs() -> None:
    """From now on, in this process, web addresses are not fetched (see `address_of`) and uploaded pictures are found.

    A flow's nodes are imported before its inputs are read, so a module that they import may call this.
    """
    ImageProcessor.create_image_from_url = staticmethod(_unfetched)
    ImageProcessor.create_image_from_file = staticmethod(_here_or_uploaded)


def address_of(image: Any) -> str | None:
    """The web address of a picture that was not fetched; None for anything else."""
    return image.source_url if isinstance(image, Image) else None


def _unfetched(url: str, mime_type: str | None = None) -> Image:
    return Image(b"", mime_type or "image/*", source_url=url)


def _here_or_uploaded(file: Path, mime_type: str | None = None) -> Image:
    if file.parts[:1] == (UPLOADS,) and not file.exists():
        file = served_flow(sys.argv[1:], Path(multiprocessing.process.ORIGINAL_DIR)) / file
    return _from_file(file, mime_type)


def served_flow(arguments: list[str], started_in: Path) -> Path:
    """The folder of the flow that `pf flow test` or `pf flow serve` was given.

    arguments: after `pf`; the process that serves the copy has those of the one that started it. started_in: that one's
    working directory.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--flow", "--source", type=Path, default=Path())
    flow: Path = started_in / parser.parse_known_args(arguments)[0].flow
    return flow if flow.is_dir() else flow.parent
