"""A tiny Phi-3-vision with random weights: the folder layout of microsoft/Phi-3-vision-128k-instruct-onnx.

Three graphs (vision, embedding, decoder) with the inputs and outputs of the published ones, and the published
processor_config.json. An image's features are its mean colour through a random matrix, one row for every token the
processor counts, so that the answer depends on the image.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper, save
from tiny_phi3 import CHAT_TEMPLATE, HIDDEN, genai_config, write_decoder, write_json, write_tokenizer

CONTEXT = 8192
SPECIAL_TOKENS = ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", "<|image|>")

_SCALED = ("Rescale", {"rescale_factor": 1 / 255})
_NORMAL = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
OTHER_TYPES: dict[str, Any] = {
    "qwen2_5_vl": (
        ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>"),
        (
            "Resize",
            {
                "width": 56,
                "height": 56,
                "smart_resize": 1,
                "min_pixels": 3136,
                "max_pixels": 1000000,
                "patch_size": 14,
                "merge_size": 2,
            },
        ),
        _SCALED,
        ("Normalize", _NORMAL | {"qwen2_5_vl": 1}),
        ("PatchImage", {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}),
    ),
    "gemma3": (
        ("<start_of_image>", "<end_of_image>", "<image_soft_token>"),
        ("Resize", {"width": 896, "height": 896, "interpolation": "LINEAR", "keep_aspect_ratio": 0}),
        _SCALED,
        ("Normalize", _NORMAL),
        ("Permute3D", {"dims": [2, 0, 1]}),
    ),
}
"""By model type: the tokens of its images, and the steps of its published image processor."""


def write_tiny_phi3v(folder: Path) -> Path:
    """Fill the new directory `folder` and return it. The weights are the same every time."""
    folder.mkdir(parents=True)
    vocabulary, eos = write_tokenizer(folder, CHAT_TEMPLATE, SPECIAL_TOKENS)
    write_json(folder / "genai_config.json", _genai_config(vocabulary, eos))
    transform = ("Phi3ImageTransform", {"num_crops": 16, "num_img_tokens": 144})
    write_json(folder / "processor_config.json", processor_config(transform))
    write_decoder(folder / "decoder.onnx", vocabulary, takes_embeddings=True, context=CONTEXT)
    _write_embedding(folder / "embedding.onnx", vocabulary)
    _write_vision(folder / "vision.onnx")
    return folder


def write_other_type(phi3v: Path, folder: Path, model_type: str) -> Path:
    """The Phi-3-vision folder `phi3v` as another model type: its tokens and its image processor over the same graphs.

    Good for building prompts, not for generating. `qwen2_5_vl` or `gemma3`.
    """
    shutil.copytree(phi3v, folder)
    tokens, *steps = OTHER_TYPES[model_type]
    write_tokenizer(folder, CHAT_TEMPLATE, (*SPECIAL_TOKENS, *tokens))
    config = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))
    config["model"]["type"] = model_type
    write_json(folder / "genai_config.json", config)
    write_json(folder / "processor_config.json", processor_config(*steps))
    return folder


def _genai_config(vocabulary: int, eos: list[int]) -> dict[str, Any]:
    config = genai_config(vocabulary, eos)
    model = config["model"]
    model |= {"type": "phi3v", "context_length": CONTEXT}
    model["decoder"]["filename"] = "decoder.onnx"
    del model["decoder"]["inputs"]["input_ids"]
    model["decoder"]["inputs"]["inputs_embeds"] = "inputs_embeds"
    model["embedding"] = {
        "filename": "embedding.onnx",
        "inputs": {"input_ids": "input_ids", "image_features": "image_features"},
        "outputs": {"inputs_embeds": "inputs_embeds"},
    }
    model["vision"] = {
        "filename": "vision.onnx",
        "inputs": {"pixel_values": "pixel_values", "image_sizes": "image_sizes"},
        "outputs": {"image_features": "image_features"},
    }
    config["search"]["max_length"] = CONTEXT
    return config


def processor_config(*steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A processor_config.json: transforms of onnxruntime-extensions after an image is decoded."""
    decoding: tuple[tuple[str, dict[str, Any]], ...] = (("DecodeImage", {"color_space": "RGB"}), ("ConvertRGB", {}))
    transforms = [
        {"operation": {"name": kind, "domain": "com.microsoft.extensions", "type": kind, "attrs": attributes}}
        for kind, attributes in (*decoding, *steps)
    ]
    return {"processor": {"name": "image_processing", "transforms": transforms}}


_Tensor = tuple[int, list[str | int]]
"""Type and shape."""


class _Graph:
    """Collects the nodes and constants of one graph."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, value: Any, kind: type = np.int64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"node_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def save(self, path: Path, inputs: dict[str, _Tensor], outputs: dict[str, _Tensor]) -> None:
        given = [helper.make_tensor_value_info(name, *what) for name, what in inputs.items()]
        made = [helper.make_tensor_value_info(name, *what) for name, what in outputs.items()]
        graph = helper.make_graph(self.nodes, path.stem, given, made, self.constants)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


def _write_embedding(path: Path, vocabulary: int) -> None:
    """Embeddings of the token ids; the image features, in order, where an id is negative (the processor's mark)."""
    g, random = _Graph(), np.random.default_rng(1)
    weights = g.constant(random.normal(0, 1, (vocabulary, HIDDEN)), np.float32)
    zero = g.constant(0)
    text = g.node("Gather", weights, g.node("Max", "input_ids", zero))
    places = g.node("Transpose", g.node("NonZero", g.node("Less", "input_ids", zero)), perm=[1, 0])
    g.node("ScatterND", text, places, "image_features", output="inputs_embeds")
    g.save(
        path,
        {
            "input_ids": (TensorProto.INT64, ["batch", "tokens"]),
            "image_features": (TensorProto.FLOAT, ["image_tokens", HIDDEN]),
        },
        {"inputs_embeds": (TensorProto.FLOAT, ["batch", "tokens", HIDDEN])},
    )


def _write_vision(path: Path) -> None:
    """One row a token, all images one after another; rows of an image of h x w crops: (h w + 1) 144 + 1 + (h + 1) 12.

    The count is that of Phi-3-vision's image processor (`calc_num_image_tokens` in image_processing_phi3_v.py).
    """
    g, random = _Graph(), np.random.default_rng(7)
    one = g.constant(1)
    crops = g.node("Div", "image_sizes", g.constant(336))
    area = g.node("ReduceProd", crops, g.constant([1]), keepdims=0)
    height = g.node("Gather", crops, g.constant(0), axis=1)
    patches = g.node("Mul", g.node("Add", area, one), g.constant(144))
    line_ends = g.node("Mul", g.node("Add", height, one), g.constant(12))
    rows = g.node("Add", g.node("Add", patches, line_ends), one)
    ends = g.node("CumSum", rows, g.constant(0))
    total = g.node("ReduceSum", rows, keepdims=0)
    row = g.node("Unsqueeze", g.node("Range", g.constant(0), total, one), g.constant([1]))
    passed = g.node("Cast", g.node("GreaterOrEqual", row, ends), to=TensorProto.INT64)
    image = g.node("ReduceSum", passed, g.constant([1]), keepdims=0)
    colour = g.node("ReduceMean", "pixel_values", g.constant([1, 3, 4]), keepdims=0)
    features = g.node("MatMul", colour, g.constant(random.normal(0, 4, (3, HIDDEN)), np.float32))
    g.node("Gather", features, image, output="image_features")
    g.save(
        path,
        {
            "pixel_values": (TensorProto.FLOAT, ["images", "crops", 3, 336, 336]),
            "image_sizes": (TensorProto.INT64, ["images", 2]),
        },
        {"image_features": (TensorProto.FLOAT, ["image_tokens", HIDDEN])},
    )
