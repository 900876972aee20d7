"""Pictures at web addresses: Prompt Flow must not fetch them before a flow has been asked whether it may.

Prompt Flow 1.18.5 fetches the address of every input of type image (`{"data:image/png;url": "http://..."}`, or the bare
address) by itself, before the first node runs: without a limit of size or time, and with a second look-up of the name
after the one it has checked.
"""

from typing import Any

from promptflow._utils.multimedia_utils import ImageProcessor
from promptflow.contracts.multimedia import Image


def leave_addresses_alone() -> None:
    """From now on, in this process, Prompt Flow keeps the address of such a picture and no bytes; see `address_of`.

    A flow's nodes are imported before its inputs are read, so a module that they import may call this.
    """
    ImageProcessor.create_image_from_url = staticmethod(_unfetched)


def _unfetched(url: str, mime_type: str | None = None) -> Image:
    return Image(b"", mime_type or "image/*", source_url=url)


def address_of(image: Any) -> str | None:
    """The web address of a picture that was left alone; None for anything else."""
    return image.source_url if isinstance(image, Image) else None
