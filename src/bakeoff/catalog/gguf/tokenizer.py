"""The tokenizer inside a GGUF file as Hugging Face's tokenizer.json and tokenizer_config.json."""

import json
from pathlib import Path
from typing import Any

from bakeoff.catalog.gguf.reader import GgufFile
from bakeoff.errors import NotSupportedError

CONTROL, USER_DEFINED = 3, 4  # llama.cpp's token types

# GPT-2's word pattern (Radford et al. 2019, encoder.py).
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


# How each tokenizer.ggml.pre cuts text before byte-pair encoding. Written as explicit splits because
# onnxruntime-genai reads a `Digits` pre-tokenizer otherwise than Hugging Face and llama.cpp do.
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
PRE_TOKENIZERS: dict[str, dict[str, Any]] = {
    "smollm": {"type": "Sequence", "pretokenizers": [split(r"\p{N}"), split(WORDS), BYTE_LEVEL]},
}


def write_tokenizer(gguf: GgufFile, folder: Path) -> None:
    """Raises NotSupportedError for a tokenizer that is not byte-pair encoding with a known pre-tokenizer."""
    model, pre = gguf.require("tokenizer.ggml.model"), gguf.get("tokenizer.ggml.pre", "default")
    if model != "gpt2" or pre not in PRE_TOKENIZERS:
        known = ", ".join(PRE_TOKENIZERS)
        raise NotSupportedError(
            f"{gguf.path.name} has tokenizer {model!r}/{pre!r}: only gpt2 with {known} can be imported"
        )
    tokens, types = gguf.require("tokenizer.ggml.tokens"), gguf.require("tokenizer.ggml.token_type")
    added = [
        {
            "id": i,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == CONTROL,
        }
        for i, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind in (CONTROL, USER_DEFINED)
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": PRE_TOKENIZERS[pre],
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": gguf.require("tokenizer.ggml.merges"),
        },
    }
    config = {
        "tokenizer_class": "GPT2Tokenizer",
        "add_prefix_space": False,
        "add_bos_token": bool(gguf.get("tokenizer.ggml.add_bos_token", False)),
        "bos_token": tokens[gguf.require("tokenizer.ggml.bos_token_id")],
        "eos_token": tokens[gguf.require("tokenizer.ggml.eos_token_id")],
        "model_max_length": gguf.hyperparameters.context,
        "chat_template": gguf.get("tokenizer.chat_template"),
        "added_tokens_decoder": {str(token["id"]): {k: v for k, v in token.items() if k != "id"} for token in added},
    }
    for name, content in (("tokenizer.json", tokenizer), ("tokenizer_config.json", config)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
