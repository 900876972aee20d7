"""genai_config.json: how onnxruntime-genai drives the imported graph."""

import json
from pathlib import Path

from bakeoff.catalog.gguf.graph import MODEL_FILE
from bakeoff.catalog.gguf.reader import GgufFile

ERRORS = 3  # ONNX Runtime warns at every load that the default of logits_from can be overridden

PROMPT_CHUNK = 256  # tokens of a prompt computed at once: long prompts take less memory and no more time


def write_config(gguf: GgufFile, folder: Path) -> None:
    p = gguf.hyperparameters
    eos = gguf.require("tokenizer.ggml.eos_token_id")
    cache_names = {"past_key_names": "past_key_values.%d.key", "past_value_names": "past_key_values.%d.value"}
    config = {
        "model": {
            "type": "llama",
            "bos_token_id": gguf.require("tokenizer.ggml.bos_token_id"),
            "eos_token_id": eos,
            "pad_token_id": gguf.get("tokenizer.ggml.padding_token_id", eos),
            "vocab_size": p.vocab,
            "context_length": p.context,
            "decoder": {
                "filename": MODEL_FILE,
                "session_options": {
                    "log_id": "onnxruntime-genai",
                    "log_severity_level": ERRORS,
                    "provider_options": [],
                },
                "head_size": p.head_dim,
                "hidden_size": p.hidden,
                "num_attention_heads": p.heads,
                "num_key_value_heads": p.kv_heads,
                "num_hidden_layers": p.layers,
                "inputs": {"input_ids": "input_ids", "attention_mask": "attention_mask", **cache_names},
                "outputs": {
                    "logits": "logits",
                    "present_key_names": "present.%d.key",
                    "present_value_names": "present.%d.value",
                },
            },
        },
        "search": {
            "do_sample": False,
            "max_length": p.context,
            "past_present_share_buffer": True,
            "chunk_size": PROMPT_CHUNK,
        },
    }
    (folder / "genai_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
