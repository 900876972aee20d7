"""Write a tiny BERT with random weights, as sentence-transformers publishes one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HIDDEN, WIDE, LAYERS, HEADS, WORDS, POSITIONS = 32, 64, 2, 4, 50, 24


def write_tiny_bert(folder: Path, **config: Any) -> Path:
    """model.safetensors, config.json, sentence_bert_config.json and a tokenizer.json that is none."""
    generator = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        dense = {f"attention.self.{part}": (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
        dense |= {"attention.output.dense": (HIDDEN, HIDDEN), "intermediate.dense": (WIDE, HIDDEN)}
        for part, shape in (dense | {"output.dense": (HIDDEN, WIDE)}).items():
            shapes |= {f"{name}{part}.weight": shape, f"{name}{part}.bias": shape[:1]}
        norms += [f"{name}attention.output.LayerNorm", f"{name}output.LayerNorm"]
    tensors = {name: generator.normal(0, 0.3, shape) for name, shape in shapes.items()}
    for name in norms:
        tensors[f"{name}.weight"] = generator.uniform(0.5, 1.5, HIDDEN)
        tensors[f"{name}.bias"] = generator.normal(0, 0.3, HIDDEN)
    write_safetensors(folder / "model.safetensors", {k: v.astype(np.float32) for k, v in tensors.items()})
    shape = {"num_hidden_layers": LAYERS, "hidden_size": HIDDEN, "num_attention_heads": HEADS, "layer_norm_eps": 1e-12}
    published = {"model_type": "bert", "hidden_act": "gelu", **shape, **config}
    (folder / "config.json").write_text(json.dumps(published))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": POSITIONS}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def write_safetensors(path: Path, tensors: dict[str, NDArray[np.float32]]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tensors.items():
        data = tensor.tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
