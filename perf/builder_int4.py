"""Export the embedded model with Microsoft's model builder, `-p int4 -e cpu`, to measure beside Bakeoff's import.

    python perf/builder_int4.py GGUF OUT

De-quantises the GGUF into a Hugging Face folder, as the builder quantises anew from float weights. Needs torch,
transformers, safetensors and onnx-ir besides onnxruntime-genai; a virtual environment of their own is best.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.numpy import save_file

NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def hugging_face_name(name: str) -> str:
    if name.startswith("blk."):
        _, layer, part, _ = name.split(".")
        return f"model.layers.{layer}.{NAMES[part]}.weight"
    return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]


def write_hugging_face_folder(gguf: Path, folder: Path) -> None:
    reader = GGUFReader(gguf)
    get = lambda key: reader.fields[key].contents()  # noqa: E731
    heads = {"attn_q": get("llama.attention.head_count"), "attn_k": get("llama.attention.head_count_kv")}
    weights = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).reshape([int(n) for n in reversed(tensor.shape)])
        part = tensor.name.split(".")[2] if tensor.name.startswith("blk.") else ""
        if part in heads:  # llama.cpp keeps rotary pairs side by side, Hugging Face in two halves
            rows, columns = values.shape
            values = (
                values.reshape(heads[part], rows // heads[part] // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
            )
        weights[hugging_face_name(tensor.name)] = np.ascontiguousarray(values, dtype=np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": get("llama.embedding_length"),
        "intermediate_size": get("llama.feed_forward_length"),
        "num_hidden_layers": get("llama.block_count"),
        "num_attention_heads": heads["attn_q"],
        "num_key_value_heads": heads["attn_k"],
        "max_position_embeddings": get("llama.context_length"),
        "rms_norm_eps": get("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": get("llama.rope.freq_base"),
        "vocab_size": get("llama.vocab_size"),
        "bos_token_id": get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": get("tokenizer.ggml.eos_token_id"),
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def main(gguf: str, out: str) -> None:
    from bakeoff.catalog.gguf.reader import GgufFile
    from bakeoff.catalog.gguf.tokenizer import write_tokenizer

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_hugging_face_folder(Path(gguf), folder)
        write_tokenizer(GgufFile(Path(gguf)), folder)
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
        subprocess.run(
            [*builder, "-i", scratch, "-o", out, "-p", "int4", "-e", "cpu", "-c", scratch],
            check=True,
            stderr=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
