"""Write tiny llama GGUF files with random weights, in every tensor type the importer takes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

LAYERS, HIDDEN, FEED_FORWARD, HEADS, KV_HEADS, HEAD_DIM, CONTEXT = 2, 64, 96, 4, 2, 32, 256
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *"abcdefghijklmnopqrstuvwxyz", "Ġ", "ab", "Ġab"]


def write_tiny_gguf(
    path: Path,
    kind: str,
    *,
    tied: bool = True,
    embedding: str | None = None,
    architecture: str = "llama",
    pre: str = "smollm",
    tokens: Sequence[str] = TOKENS,
) -> Path:
    """`kind` and `embedding` name a tensor type (Q4_1, F16, ...) of the layers and of the embedding.

    tokens: TOKENS, and more behind them.
    """
    rng = np.random.default_rng(7)
    writer = GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_token_merges(["a b", "Ġ ab"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    )

    def add(name: str, shape: tuple[int, ...], kind: str) -> None:
        values = rng.normal(1 if len(shape) == 1 else 0.02, 0.2, shape).astype(np.float32)
        tensor_type = GGMLQuantizationType[kind]
        if kind in ("F32", "F16"):
            writer.add_tensor(name, values.astype(np.float16 if kind == "F16" else np.float32))
        else:
            writer.add_tensor(name, quantize(values, tensor_type), raw_dtype=tensor_type)

    add("token_embd.weight", (len(tokens), HIDDEN), embedding or kind)
    add("output_norm.weight", (HIDDEN,), "F32")
    if not tied:
        add("output.weight", (len(tokens), HIDDEN), kind)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        add(f"{block}.attn_norm.weight", (HIDDEN,), "F32")
        add(f"{block}.ffn_norm.weight", (HIDDEN,), "F32")
        add(f"{block}.attn_q.weight", (HEADS * HEAD_DIM, HIDDEN), kind)
        add(f"{block}.attn_k.weight", (KV_HEADS * HEAD_DIM, HIDDEN), kind)
        add(f"{block}.attn_v.weight", (KV_HEADS * HEAD_DIM, HIDDEN), "Q8_0" if kind == "Q4_0" else kind)
        add(f"{block}.attn_output.weight", (HIDDEN, HEADS * HEAD_DIM), kind)
        add(f"{block}.ffn_gate.weight", (FEED_FORWARD, HIDDEN), kind)
        add(f"{block}.ffn_up.weight", (FEED_FORWARD, HIDDEN), kind)
        add(f"{block}.ffn_down.weight", (HIDDEN, FEED_FORWARD), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
