"""Read the float32 tensors of a safetensors file (https://github.com/huggingface/safetensors#format)."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import ModelCorruptError

Tensors = Mapping[str, NDArray[np.float32]]


def read_safetensors(path: Path) -> Tensors:
    """The F32 tensors by name, mapped from the file; others (position ids) are left out.

    Raises ModelCorruptError where the file is missing, cut off or not of this format.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        start = 8 + int(data[:8].view("<u8")[0])
        header = json.loads(data[8:start].tobytes())
        return {
            name: data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
            .view("<f4")
            .reshape(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__" and entry["dtype"] == "F32"
        }
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise ModelCorruptError(f"{path} is not a readable safetensors file ({error})") from error
