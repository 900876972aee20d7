"""The tiny Phi-3-vision as a Phi-4-multimodal folder: its image and audio processors, its image token, four graphs.

Good for building prompts, not for generating. The processors' settings are the published ones.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from tiny_phi3 import CHAT_TEMPLATE, HIDDEN, write_json, write_tokenizer
from tiny_phi3v import SPECIAL_TOKENS

IMAGE_TOKEN, IMAGE_TOKEN_ID = "<|endoftext10|>", 200010
"""onnxruntime-genai has this id built in (src/models/phi_multimodal_processor.cpp)."""


def write_tiny_phi4mm(phi3v: Path, folder: Path) -> Path:
    """Fill the new directory `folder` from the folder of a tiny Phi-3-vision and return it."""
    shutil.copytree(phi3v, folder)
    write_tokenizer(folder, CHAT_TEMPLATE, (*SPECIAL_TOKENS, IMAGE_TOKEN))
    _renumber_image_token(folder)
    config = _read(folder / "genai_config.json")
    model = config["model"]
    model["type"] = "phi4mm"
    model["vision"]["inputs"]["attention_mask"] = "image_attention_mask"
    model["embedding"]["inputs"]["audio_features"] = "audio_features"
    audio = ("audio_embeds", "audio_sizes", "audio_projection_mode")
    model["speech"] = {
        "filename": "speech.onnx",
        "config_filename": "audio_processor_config.json",
        "inputs": {name: name for name in audio} | {"attention_mask": "audio_attention_mask"},
        "outputs": {"audio_features": "audio_features"},
    }
    write_json(folder / "genai_config.json", config)
    write_json(folder / "processor_config.json", _IMAGES)
    write_json(folder / "audio_processor_config.json", _AUDIO)
    _add_input(folder / "vision.onnx", "image_attention_mask", ["images", "crops", 32, 32])
    _add_input(folder / "embedding.onnx", "audio_features", ["audio_tokens", HIDDEN])
    _write_speech(folder / "speech.onnx")
    return folder


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _renumber_image_token(folder: Path) -> None:
    tokenizer, config = _read(folder / "tokenizer.json"), _read(folder / "tokenizer_config.json")
    token = tokenizer["added_tokens"][-1]
    config["added_tokens_decoder"][str(IMAGE_TOKEN_ID)] = config["added_tokens_decoder"].pop(str(token["id"]))
    token["id"] = IMAGE_TOKEN_ID
    write_json(folder / "tokenizer.json", tokenizer)
    write_json(folder / "tokenizer_config.json", config)


def _add_input(path: Path, name: str, shape: list[str | int]) -> None:
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    onnx.save(model, path)


def _write_speech(path: Path) -> None:
    embeddings = helper.make_tensor_value_info("audio_embeds", TensorProto.FLOAT, ["audios", "tokens", HIDDEN])
    features = helper.make_tensor_value_info("audio_features", TensorProto.FLOAT, ["audios", "tokens", HIDDEN])
    others = [
        helper.make_tensor_value_info("audio_attention_mask", TensorProto.BOOL, ["audios", "tokens"]),
        helper.make_tensor_value_info("audio_sizes", TensorProto.INT64, ["audios"]),
        helper.make_tensor_value_info("audio_projection_mode", TensorProto.INT64, [1]),
    ]
    node = helper.make_node("Identity", ["audio_embeds"], ["audio_features"])
    graph = helper.make_graph([node], "speech", [embeddings, *others], [features])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


def _step(kind: str, attributes: dict[str, Any] | None = None, inputs: list[str] | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {"name": kind, "type": kind}
    if attributes:
        operation["attrs"] = attributes
    if inputs:
        operation["inputs"] = inputs
    return {"operation": operation}


_IMAGES = {
    "processor": {
        "name": "phi_4_image_processing",
        "transforms": [
            _step("DecodeImage", {"color_space": "RGB"}),
            _step("Phi4VisionDynamicPreprocess", {"dynamic_hd": 36, "dyhd_base_resolution": 448}),
            _step("Rescale", inputs=[":0"]),
            _step("Normalize", {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}),
            _step(
                "Phi4VisionProcessor",
                {"dyhd_base_resolution": 448, "interpolation": "CUBIC"},
                [":0", "Phi4VisionDynamicPreprocess:1"],
            ),
        ],
        "output_aligner": "phi4-vision-aligner",
    }
}
_SPECTRUM = {"chunk_size": 30, "n_fft": 512, "n_mel": 80, "feature_first": 0, "no_padding": 1}
_AUDIO_EMBED: dict[str, Any] = {"audio_compression_rate": 8}
for _suffix, _fft, _frame, _hop in (("", 512, 400, 160), ("_8k", 256, 200, 80)):
    _window = {"n_fft": _fft, "frame_length": _frame, "hop_length": _hop, "win_fn": "hamming"}
    _AUDIO_EMBED |= {f"stft_normal{_suffix}/{key}": value for key, value in _window.items()}
    _AUDIO_EMBED |= {f"logmel{_suffix}/{key}": value for key, value in (_SPECTRUM | {"hop_length": _hop}).items()}
_AUDIO = {
    "feature_extraction": {
        "sequence": [
            _step("AudioDecoderEx", {"target_sample_rates": [8000, 16000]}),
            _step("Phi4AudioEmbed", _AUDIO_EMBED),
        ],
        "output_aligner": "phi4-audio-aligner",
    }
}
