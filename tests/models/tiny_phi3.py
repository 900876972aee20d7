"""A tiny Phi-3 model with random weights, as an onnxruntime-genai folder: a second architecture without a download."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper, save

LAYERS, HIDDEN, HEADS, HEAD_DIM, FEED_FORWARD, CONTEXT = 2, 32, 2, 16, 64, 512
MICROSOFT = "com.microsoft"
SPECIAL_TOKENS = ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", "<|image_1|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}"
    "{% endfor %}"
    "{{ '<|assistant|>\n' if add_generation_prompt else eos_token }}"
)
WORDS = "the of and in is what who a question answer capital city hello world user system end assistant count to ten"


def write_tiny_phi3(folder: Path, *, chat_template: str | None = CHAT_TEMPLATE, only_last_logits: bool = False) -> Path:
    """Fill the new directory `folder` and return it. The weights are the same every time.

    only_last_logits: the graph gives the logits of the last position instead of all, as some exports do.
    """
    folder.mkdir(parents=True)
    vocabulary, eos = write_tokenizer(folder, chat_template)
    write_json(folder / "genai_config.json", genai_config(vocabulary, eos))
    write_decoder(folder / "model.onnx", vocabulary, only_last_logits=only_last_logits)
    return folder


def write_tokenizer(
    folder: Path, chat_template: str | None, special_tokens: tuple[str, ...] = SPECIAL_TOKENS
) -> tuple[int, list[int]]:
    """Write the tokenizer's two files; the size of the vocabulary and the ids that end an answer."""
    pieces, merges = _pieces()
    added = _added_tokens(len(pieces), special_tokens)
    ids = {token["content"]: token["id"] for token in added}
    tokenizer_config = {
        "tokenizer_class": "LlamaTokenizer",
        "add_bos_token": False,
        "bos_token": "<s>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<unk>",
        "model_max_length": CONTEXT,
        "added_tokens_decoder": {str(token["id"]): {k: v for k, v in token.items() if k != "id"} for token in added},
    }
    if chat_template is not None:
        tokenizer_config["chat_template"] = chat_template
    write_json(folder / "tokenizer.json", _tokenizer(pieces, merges, added))
    write_json(folder / "tokenizer_config.json", tokenizer_config)
    return len(pieces) + len(special_tokens), [ids["<|endoftext|>"], ids["<|end|>"]]


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _pieces() -> tuple[list[str], list[str]]:
    """Vocabulary (unknown, begin, end, 256 bytes, printable ASCII, word pieces) and the merges of the words."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [chr(code) for code in range(33, 127)] + ["▁", "é", "漢"]
    merges: list[str] = []
    for word in WORDS.split():
        spaced = "▁" + word
        for end in range(2, len(spaced) + 1):
            if spaced[:end] not in pieces:
                pieces.append(spaced[:end])
                merges.append(f"{spaced[: end - 1]} {spaced[end - 1]}")
    return pieces, merges


def _added_tokens(first: int, special_tokens: tuple[str, ...]) -> list[dict[str, Any]]:
    """Phi-3 strips the white space after its markers (`rstrip`)."""
    numbered = [*enumerate(("<unk>", "<s>", "</s>")), *enumerate(special_tokens, first)]
    return [
        {
            "id": number,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": content not in ("<unk>", "<s>", "<|endoftext|>"),
            "normalized": False,
            "special": content != "</s>",
        }
        for number, content in numbered
    ]


def _tokenizer(pieces: list[str], merges: list[str], added: list[dict[str, Any]]) -> dict[str, Any]:
    normalizers = [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ]
    decoders = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": {piece: number for number, piece in enumerate(pieces)},
            "merges": merges,
        },
    }


def genai_config(vocabulary: int, eos: list[int]) -> dict[str, Any]:
    """The genai_config.json of the text model."""
    return {
        "model": {
            "type": "phi3",
            "bos_token_id": 1,
            "eos_token_id": eos,
            "pad_token_id": eos[0],
            "vocab_size": vocabulary,
            "context_length": CONTEXT,
            "decoder": {
                "filename": "model.onnx",
                "session_options": {"provider_options": []},
                "head_size": HEAD_DIM,
                "hidden_size": HIDDEN,
                "num_attention_heads": HEADS,
                "num_key_value_heads": HEADS,
                "num_hidden_layers": LAYERS,
                "inputs": {
                    "input_ids": "input_ids",
                    "attention_mask": "attention_mask",
                    "past_key_names": "past_key_values.%d.key",
                    "past_value_names": "past_key_values.%d.value",
                },
                "outputs": {
                    "logits": "logits",
                    "present_key_names": "present.%d.key",
                    "present_value_names": "present.%d.value",
                },
            },
        },
        "search": {"do_sample": True, "max_length": CONTEXT, "past_present_share_buffer": True},
    }


def write_decoder(
    path: Path,
    vocabulary: int,
    *,
    only_last_logits: bool = False,
    takes_embeddings: bool = False,
    context: int = CONTEXT,
) -> None:
    """Phi-3's decoder (fused q, k, v and gate, up; RMS norms; rotary grouped-query attention) in float32.

    takes_embeddings: its input is `inputs_embeds` instead of `input_ids`, as in the multimodal models.
    """
    random = np.random.default_rng(0)
    nodes: list[NodeProto] = []
    weights: list[TensorProto] = []

    def weight(name: str, array: NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(array, name))
        return name

    def matrix(name: str, rows: int, columns: int) -> str:
        return weight(name, random.normal(0, 2 / rows**0.5, (rows, columns)).astype(np.float32))

    def node(kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def norm(x: str, name: str) -> str:
        scale = weight(f"{name}.weight", np.ones(HIDDEN, np.float32))
        return node("SimplifiedLayerNormalization", [x, scale], [name], axis=-1, epsilon=1e-5)

    angles = np.arange(context)[:, None] * 10000.0 ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    weight("cos", np.cos(angles).astype(np.float32))
    weight("sin", np.sin(angles).astype(np.float32))
    weight("axis", np.array([1], np.int64))
    node("ReduceSum", ["attention_mask", "axis"], ["length"], keepdims=0)
    node("Sub", ["length", "axis"], ["last"])
    node("Cast", ["last"], ["seqlens_k"], to=TensorProto.INT32)
    node("Shape", ["attention_mask"], ["shape"], start=1, end=2)
    node("Squeeze", ["shape"], ["total"])
    node("Cast", ["total"], ["total_sequence_length"], to=TensorProto.INT32)

    embedding = matrix("embedding", vocabulary, HIDDEN)
    hidden = "inputs_embeds" if takes_embeddings else node("Gather", [embedding, "input_ids"], ["embedded"])
    for i in range(LAYERS):
        normed = norm(hidden, f"{i}.attention_norm")
        qkv = node("MatMul", [normed, matrix(f"{i}.qkv.weight", HIDDEN, 3 * HIDDEN)], [f"{i}.qkv"])
        past = [f"past_key_values.{i}.key", f"past_key_values.{i}.value"]
        attention = node(
            "GroupQueryAttention",
            [qkv, "", "", *past, "seqlens_k", "total_sequence_length", "cos", "sin"],
            [f"{i}.attention", f"present.{i}.key", f"present.{i}.value"],
            MICROSOFT,
            num_heads=HEADS,
            kv_num_heads=HEADS,
            do_rotary=1,
        )
        mixed = node("MatMul", [attention, matrix(f"{i}.o.weight", HIDDEN, HIDDEN)], [f"{i}.o"])
        hidden = node("Add", [hidden, mixed], [f"{i}.attended"])
        normed = norm(hidden, f"{i}.feed_forward_norm")
        both = node("MatMul", [normed, matrix(f"{i}.gate_up.weight", HIDDEN, 2 * FEED_FORWARD)], [f"{i}.gate_up"])
        node("Split", [both], [f"{i}.gate", f"{i}.up"], axis=-1, num_outputs=2)
        node("Sigmoid", [f"{i}.gate"], [f"{i}.sigmoid"])
        active = node("Mul", [f"{i}.gate", f"{i}.sigmoid"], [f"{i}.silu"])
        product = node("Mul", [active, f"{i}.up"], [f"{i}.product"])
        down = node("MatMul", [product, matrix(f"{i}.down.weight", FEED_FORWARD, HIDDEN)], [f"{i}.down"])
        hidden = node("Add", [hidden, down], [f"{i}.output"])
    if only_last_logits:
        last = [weight("from", np.array([-1])), weight("to", np.array([2**31])), "axis"]
        hidden = node("Slice", [hidden, *last], ["last_hidden"])
    node("MatMul", [norm(hidden, "final_norm"), matrix("head.weight", HIDDEN, vocabulary)], ["logits"])

    tensor = helper.make_tensor_value_info
    ids = tensor("input_ids", TensorProto.INT64, ["batch", "tokens"])
    embeddings = tensor("inputs_embeds", TensorProto.FLOAT, ["batch", "tokens", HIDDEN])
    inputs = [
        embeddings if takes_embeddings else ids,
        tensor("attention_mask", TensorProto.INT64, ["batch", "total"]),
    ]
    outputs = [tensor("logits", TensorProto.FLOAT, ["batch", 1 if only_last_logits else "tokens", vocabulary])]
    for i in range(LAYERS):
        for part in ("key", "value"):
            inputs.append(tensor(f"past_key_values.{i}.{part}", TensorProto.FLOAT, ["batch", HEADS, "past", HEAD_DIM]))
            outputs.append(tensor(f"present.{i}.{part}", TensorProto.FLOAT, ["batch", HEADS, "total", HEAD_DIM]))
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
    graph = helper.make_graph(nodes, "tiny_phi3", inputs, outputs, weights)
    save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
