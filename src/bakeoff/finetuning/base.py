"""A llama GGUF file as a transformers model, and the names its weights have on both sides.

The blocks of the file are de-quantised, so the model computes with exactly the weights that the catalog's import keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.gguf.reader import GgufFile, Hyperparameters, float_vector
from bakeoff.catalog.gguf.weights import hugging_face_order, read_matrix

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

MATRICES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""A layer's matrices: the name in a GGUF file, and transformers' module."""
_NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}


@dataclass(frozen=True)
class LayerMatrix:
    """One matrix of the model, [rows, columns]. order: of its rows in transformers, None where it is the file's."""

    layer: int
    tensor: str
    module: str
    rows: int
    columns: int
    order: NDArray[np.intp] | None = None


def layer_matrices(p: Hyperparameters) -> Iterator[LayerMatrix]:
    """The matrices of all layers. llama.cpp keeps the rows of q and k in another order."""
    wide, narrow = p.heads * p.head_dim, p.kv_heads * p.head_dim
    shapes = {
        "attn_q": (wide, p.hidden),
        "attn_k": (narrow, p.hidden),
        "attn_v": (narrow, p.hidden),
        "attn_output": (p.hidden, wide),
        "ffn_gate": (p.feed_forward, p.hidden),
        "ffn_up": (p.feed_forward, p.hidden),
        "ffn_down": (p.hidden, p.feed_forward),
    }
    orders = {"attn_q": hugging_face_order(p.heads, p.head_dim), "attn_k": hugging_face_order(p.kv_heads, p.head_dim)}
    for layer in range(p.layers):
        for name, module in MATRICES.items():
            tensor, path = f"blk.{layer}.{name}.weight", f"model.layers.{layer}.{module}"
            yield LayerMatrix(layer, tensor, path, *shapes[name], orders.get(name))


def load_base(file: Path) -> "LlamaForCausalLM":
    """The model in float32, ready to be trained. Raises as GgufFile, its tensors and `read_matrix` do."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    gguf = GgufFile(file)
    p = gguf.hyperparameters
    tied = "output.weight" not in gguf.tensors
    settings: dict[str, Any] = {
        "vocab_size": p.vocab,
        "hidden_size": p.hidden,
        "intermediate_size": p.feed_forward,
        "num_hidden_layers": p.layers,
        "num_attention_heads": p.heads,
        "num_key_value_heads": p.kv_heads,
        "head_dim": p.head_dim,
        "max_position_embeddings": p.context,
        "rms_norm_eps": p.rms_norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": p.rope_theta},
        "tie_word_embeddings": tied,
        "bos_token_id": gguf.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": gguf.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": gguf.get("tokenizer.ggml.padding_token_id"),
    }
    model = LlamaForCausalLM(LlamaConfig(**settings))
    state = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in _weights(gguf, tied)}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or [name for name in missing if not (tied and name == "lm_head.weight")]:
        raise RuntimeError(f"transformers' llama has other weights than expected: {missing} {unexpected}")
    return model


def _weights(gguf: GgufFile, tied: bool) -> Iterator[tuple[str, NDArray[np.float32]]]:
    p = gguf.hyperparameters
    yield "model.embed_tokens.weight", read_matrix(gguf.tensor("token_embd.weight", (p.vocab, p.hidden))).values()
    if not tied:
        yield "lm_head.weight", read_matrix(gguf.tensor("output.weight", (p.vocab, p.hidden))).values()
    yield "model.norm.weight", float_vector(gguf.tensor("output_norm.weight", (p.hidden,)))
    for layer in range(p.layers):
        for name, module in _NORMS.items():
            weights = float_vector(gguf.tensor(f"blk.{layer}.{name}.weight", (p.hidden,)))
            yield f"model.layers.{layer}.{module}.weight", weights
    for matrix in layer_matrices(p):
        stored = read_matrix(gguf.tensor(matrix.tensor, (matrix.rows, matrix.columns)))
        ordered = stored if matrix.order is None else stored.rows(matrix.order)
        yield f"{matrix.module}.weight", ordered.values()
