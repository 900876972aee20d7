"""Is this folder an onnxruntime-genai model? Checked from its configuration, without loading anything."""

import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bakeoff.errors import ModelCorruptError, ModelNotFoundError

CONFIG = "genai_config.json"
LOGITS_FROM = "logits_from"
"""Optional input of the graphs that the importer writes: the first position whose logits are wanted (-1: the last)."""
GRAPH_LIMIT = 256 << 20
"""Bytes up to which an ONNX file is searched for the names of its external data; a bigger one holds its own weights."""

# An ONNX external_data entry: field 1 the key `location`, field 2 a string with its length (protobuf wire format).
_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])")


def check(folder: Path) -> None:
    """Check that `folder` is a complete onnxruntime-genai model folder.

    Raises ModelNotFoundError where there is nothing, and ModelCorruptError for a file, for a folder of another kind
    and for one whose configuration names files that are not there.
    """
    if not folder.exists():
        raise ModelNotFoundError(f"there is no model folder {folder}")
    if not folder.is_dir():
        raise ModelCorruptError(f"{folder} is a file: give the folder that holds {CONFIG}")
    if not (folder / CONFIG).is_file():
        raise ModelCorruptError(f"{folder} holds {_contents(folder)}, not an onnxruntime-genai model (no {CONFIG})")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8-sig"))
        graphs = sorted(set(_file_names(config["model"])))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelCorruptError(
            f"{folder / CONFIG} is not an onnxruntime-genai configuration ({type(error).__name__}: {error})"
        ) from error
    if not graphs:
        raise ModelCorruptError(f"{folder / CONFIG} names no model file")
    for name in graphs:
        _check_file(folder, name, CONFIG)
        for data in sorted(_external_data(folder / name)):
            _check_file(folder, data, name)


def _check_file(folder: Path, name: str, named_in: str) -> None:
    path = folder / name
    if not path.is_file():
        raise ModelCorruptError(f"{path} is missing: {named_in} names it")
    if path.stat().st_size == 0:
        raise ModelCorruptError(f"{path} is empty")


def _file_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "filename" and isinstance(value, str):
                yield value
            else:
                yield from _file_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _file_names(value)


def _external_data(graph: Path) -> set[str]:
    if not 0 < graph.stat().st_size <= GRAPH_LIMIT:
        return set()
    with graph.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = {bytes(data[m.end() : m.end() + m.group(1)[0]]) for m in _LOCATION.finditer(data)}
    return {name.decode("utf-8", errors="replace") for name in found}


def _contents(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir())
    if not names:
        return "nothing"
    deeper = sorted(p.parent.relative_to(folder).as_posix() for p in folder.glob(f"*/{CONFIG}"))
    deeper += sorted(p.parent.relative_to(folder).as_posix() for p in folder.glob(f"*/*/{CONFIG}"))
    if deeper:
        return f"models in folders below it ({', '.join(deeper[:5])})"
    for endings, what in (
        ((".safetensors", "pytorch_model.bin"), "a PyTorch model"),
        ((".gguf",), "a GGUF model"),
        ((".onnx",), f"ONNX files without {CONFIG}"),
        (("flow.dag.yaml",), "a Prompt Flow flow"),
    ):
        if any(name.endswith(endings) for name in names):
            return what
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
