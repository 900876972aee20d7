"""A trained adapter as models of the catalog: an .onnx_adapter for the base with adapter inputs, and merged models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog import cache, genai_folder, manifest, tuned
from bakeoff.catalog.gguf import ADAPTERS, write_folder
from bakeoff.catalog.gguf.reader import GgufFile, RawTensor
from bakeoff.catalog.progress import Report
from bakeoff.catalog.weights_file import weights_file
from bakeoff.errors import NotSupportedError
from bakeoff.finetuning.base import layer_matrices, load_base
from bakeoff.finetuning.definition import FineTuning
from bakeoff.finetuning.run import WEIGHTS, is_folder

EXACT = "exact"
"""Of `export.merged`: the base's weights as they are, and the adapter's product beside them in the same graph."""
PACKED = {"int8": "Q8_0", "int4": "Q4_0", "q4_1": "Q4_1", "fp32": "F32"}
"""How changed matrices are stored, by ggml's types; fp32 stores the unchanged ones so too."""
Arrays = Mapping[str, NDArray[np.float32]]


def export(definition: FineTuning, folder: Path, report: Report) -> list[str]:
    """Install what the file's `export` asks for under the names that flows use; those names.

    folder: of the run, with the adapter that `finetune` left. Raises NotSupportedError for a base that is no GGUF
    import (its adapter stays in peft's format) and, where the share of a DoRA is to be a product, which it is not.
    """
    if is_folder(definition.base):
        raise NotSupportedError(
            f"{definition.base} is no GGUF import: the adapter in {folder / WEIGHTS} is peft's; merge it with peft and "
            "export it with onnxruntime-genai's model builder"
        )
    names = []
    if definition.adapter.kind == "dora" and (definition.export_adapter or EXACT in definition.merged):
        raise NotSupportedError(
            f"a DoRA cannot be an .onnx_adapter, nor merged as {EXACT}: set `export: {{adapter: false}}` and merge it "
            f"as {', '.join(PACKED)}"
        )
    if definition.export_adapter:
        name = f"{definition.base}+{definition.name}"
        base = tuned.base_with_inputs(definition.base, report)

        def write_adapter(build: Path) -> None:
            adapter_file(definition, folder, base, build / tuned.ADAPTER_FILE)

        _install(name, folder, definition, report, write_adapter)
        names.append(name)
    changes = merged_matrices(definition, folder) if set(definition.merged) - {EXACT} else {}
    for precision in definition.merged:
        name = f"{definition.base}-{definition.name}-{precision}"

        def write(build: Path, precision: str = precision) -> None:
            source = GgufFile(weights_file(definition.base, report))
            if precision == EXACT:
                write_folder(source, build, report, ADAPTERS)
                join(definition, folder, build)
            else:
                replace(source, changes, precision)
                write_folder(source, build, report, "fp32" if precision == "fp32" else None)
            genai_folder.check(build)

        _install(name, folder, definition, report, write)
        names.append(name)
    return names


def merged_matrices(definition: FineTuning, folder: Path) -> Arrays:
    """The matrices that the adapter changes, with its share added, by tensor name and in the file's order of rows."""
    from peft import PeftModel

    file = weights_file(definition.base)
    base: Any = load_base(file)
    merged: Any = PeftModel.from_pretrained(base, str(folder / WEIGHTS)).merge_and_unload()
    modules = dict(merged.named_modules())
    frozen, adapted = definition.adapter.frozen_layers, set(definition.adapter.modules)
    changes = {}
    for matrix in layer_matrices(GgufFile(file).hyperparameters):
        if matrix.layer < frozen or matrix.module.rpartition(".")[2] not in adapted:
            continue
        weights = modules[matrix.module].weight.detach().numpy()
        if matrix.order is not None:
            in_file = np.empty_like(weights)
            in_file[matrix.order] = weights
            weights = in_file
        changes[matrix.tensor] = weights
    return changes


def replace(source: GgufFile, changes: Arrays, precision: str) -> None:
    """Put the changed matrices into an opened file, at a precision of PACKED."""
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    kind = PACKED[precision]
    for name, weights in changes.items():
        data = weights if kind == "F32" else quantize(weights, GGMLQuantizationType[kind])
        source.tensors[name] = RawTensor(name, kind, weights.shape, data)


def join(definition: FineTuning, folder: Path, model: Path) -> None:
    """Make the adapter of a run a part of the graph in `model`, which takes no adapters any more."""
    import onnx

    file = model / "model.onnx"
    graph = onnx.load(file, load_external_data=False)
    arrays = adapter_arrays(definition, folder, model)
    for tensor in graph.graph.initializer:
        if tensor.name in arrays:
            tensor.CopyFrom(onnx.numpy_helper.from_array(arrays[tensor.name], tensor.name))
    inputs = [value for value in graph.graph.input if not value.name.endswith((".lora_A", ".lora_B"))]
    del graph.graph.input[:]
    graph.graph.input.extend(inputs)
    onnx.save(graph, file)


def adapter_arrays(definition: FineTuning, folder: Path, base: Path) -> Arrays:
    """What each adapter input of the graph in `base` gets: `lora_A` [inputs, rank] and `lora_B` [rank, outputs].

    A product of several matrices (q, k and v) has their A's side by side and their B's on a diagonal.
    """
    import onnx

    weights = _peft_weights(folder)
    scale = definition.adapter.alpha / definition.adapter.rank
    p = GgufFile(weights_file(definition.base)).hyperparameters
    by_tensor = {matrix.tensor: matrix for matrix in layer_matrices(p)}
    inputs = {value.name for value in onnx.load(base / "model.onnx", load_external_data=False).graph.input}
    arrays: dict[str, NDArray[np.float32]] = {}
    for product in sorted(name.removesuffix(".lora_A") for name in inputs if name.endswith(".lora_A")):
        block, _, part = product.rpartition(".")
        parts = ("attn_q", "attn_k", "attn_v") if part == "attn_qkv" else (part,)
        matrices = [by_tensor[f"{block}.{name}.weight"] for name in parts]
        pairs = [weights.get(matrix.module) for matrix in matrices]
        rank = sum(len(a) for a, _ in filter(None, pairs))
        if not rank:
            continue
        down = np.zeros((matrices[0].columns, rank), np.float32)
        up = np.zeros((rank, sum(matrix.rows for matrix in matrices)), np.float32)
        at_rank = at_row = 0
        for matrix, pair in zip(matrices, pairs, strict=True):
            if pair is not None:
                a, b = pair
                down[:, at_rank : at_rank + len(a)] = a.T
                up[at_rank : at_rank + len(a), at_row : at_row + matrix.rows] = scale * b.T
                at_rank += len(a)
            at_row += matrix.rows
        arrays |= {f"{product}.lora_A": down, f"{product}.lora_B": up}
    return arrays


def _peft_weights(folder: Path) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """(A [rank, inputs], B [outputs, rank]) by transformers' module, in transformers' order of rows."""
    from safetensors.numpy import load_file

    tensors = load_file(folder / WEIGHTS / "adapter_model.safetensors")
    start, end = "base_model.model.", ".lora_A.weight"
    return {
        name.removeprefix(start).removesuffix(end): (a, tensors[name.replace("lora_A", "lora_B")])
        for name, a in tensors.items()
        if name.endswith(end)
    }


def adapter_file(definition: FineTuning, folder: Path, base: Path, out: Path) -> None:
    """Write the adapter of a run as an .onnx_adapter for the graph in `base`."""
    from onnxruntime import AdapterFormat, OrtValue

    arrays = adapter_arrays(definition, folder, base)
    file = AdapterFormat()
    file.set_adapter_version(1)
    file.set_model_version(1)
    file.set_parameters({name: OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()})
    file.export_adapter(str(out))


def _install(name: str, folder: Path, definition: FineTuning, report: Report, write: Any) -> None:
    record = (folder / "record.json").read_bytes()
    with cache.staging(name, report) as stage:
        build = stage / "build"
        build.mkdir()
        write(build)
        (build / tuned.RECORD_FILE).write_bytes(record)
        files = {file: manifest.record(build / file) for file in manifest.file_names(build)}
        source = f"{tuned.SOURCE} {definition.base}"
        manifest.write(build, name=name, source=source, revision="", importer=None, files=files)
        cache.install(stage, cache.folder_of(name))
    report(f"{name} is ready: {cache.folder_of(name)}")
