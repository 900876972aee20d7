"""What Prompt Flow 1.18.5 does with the inputs of type image of a flow, put right in the running process.

It fetches a picture at a web address (`{"data:image/png;url": "http://..."}`, or the bare address) by itself, before
the first node runs: without a limit of size or time, and with a second look-up of the name after the one it checked.

It opens any path, and a row whose file does not exist is lost: it never reaches the flow, nor its evaluation.

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

from bakeoff.errors import InputError

UPLOADS = ".promptflow"

_from_file = ImageProcessor.create_image_from_file


def mend_image_inputs() -> None:
    """From now on, in this process, web addresses are not fetched, no path with `..` is opened, a file that does not
    exist stops no row (see `source_of`), and uploaded pictures are found.

    A flow's nodes are imported before its inputs are read, so a module that they import may call this.
    """
    ImageProcessor.create_image_from_url = staticmethod(_unread)
    ImageProcessor.create_image_from_file = staticmethod(_here_or_uploaded)


def source_of(image: Any) -> Any:
    """What there is of a picture: its bytes, or the web address that was not fetched; anything else as it is.

    Raises InputError for a file that was not opened.
    """
    if not isinstance(image, Image) or image.source_url is None:
        return bytes(image) if isinstance(image, bytes) else image
    source: str = image.source_url
    if ImageProcessor.is_url(source):
        return source
    if ".." in Path(source).parts:
        raise InputError(f"the picture {source} may lie outside the data folder: copy it there, or give its whole path")
    raise InputError(f"there is no picture {source}")


def _unread(source: str, mime_type: str | None = None) -> Image:
    return Image(b"", mime_type or "image/*", source_url=source)


def _here_or_uploaded(file: Path, mime_type: str | None = None) -> Image:
    if file.parts[:1] == (UPLOADS,) and not file.exists():
        started_in = multiprocessing.process.ORIGINAL_DIR  # type: ignore[attr-defined]  # typeshed leaves it out
        file = served_flow(sys.argv[1:], Path(started_in)) / file
    if ".." in file.parts or not file.is_file():
        return _unread(str(file), mime_type)
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
