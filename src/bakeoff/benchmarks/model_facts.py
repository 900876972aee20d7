"""What a method card says of a model beyond its name: the hash of its files, and how its weights are stored."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

from bakeoff.catalog import genai_folder, manifest
from bakeoff.models.base import ChatModel, ModelIdentity

UNKNOWN = {"sha256": "", "precision": ""}


def of_model(model: ChatModel) -> dict[str, Any]:
    """The model's identity, `sha256` of its folder and `precision`; both empty where it runs elsewhere."""
    folder = getattr(model, "folder", None)
    facts = {"sha256": folder_hash(folder), "precision": precision(folder)} if isinstance(folder, Path) else UNKNOWN
    return of_identity(model.identity) | facts


def of_identity(who: ModelIdentity) -> dict[str, Any]:
    """The same of whoever gave answers without being a model here."""
    return asdict(who) | UNKNOWN


def folder_hash(folder: Path) -> str:
    """The sha256 over the names and sha256 of all files; read from the manifest of a pulled model."""
    if (folder / manifest.MANIFEST).is_file():
        files = manifest.read(folder).files
    else:
        files = {name: manifest.record(folder / name) for name in manifest.file_names(folder)}
    lines = [f"{name} {file.sha256}\n" for name, file in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def precision(folder: Path) -> str:
    """How the weights of the decoder's matrices are stored, by their share: `int4 79 %, int8 21 %`."""
    import onnx

    config = json.loads((folder / genai_folder.CONFIG).read_text(encoding="utf-8-sig"))
    name = config["model"]["decoder"].get("filename")
    if not name:
        return ""
    graph = onnx.load(folder / name, load_external_data=False).graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    sizes: Counter[str] = Counter()
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            values = {attribute.name: attribute.i for attribute in node.attribute}
            sizes[f"int{values.get('bits', 4)}"] += values["K"] * values["N"]
        elif node.op_type in ("MatMul", "Gemm", "MatMulInteger", "DynamicQuantizeMatMul") and node.input[1] in tensors:
            weights = tensors[node.input[1]]
            kind = onnx.TensorProto.DataType.Name(weights.data_type).lower()
            sizes["float32" if kind == "float" else kind] += prod(weights.dims)
    total = sum(sizes.values())
    return ", ".join(f"{kind} {size / total:.0%}".replace("%", " %") for kind, size in sizes.most_common())
