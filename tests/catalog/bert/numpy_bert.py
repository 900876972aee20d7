"""A BERT forward pass in plain numpy (Devlin et al. 2018), padded and masked as the published model runs.

It shares no code with the importer: its own reading of the safetensors file, float64, whole batches with padding.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_erf = np.vectorize(math.erf, otypes=[np.float64])


class NumpyBert:
    def __init__(self, folder: Path):
        raw = (folder / "model.safetensors").read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header: dict[str, Any] = json.loads(raw[8 : 8 + length])
        body = raw[8 + length :]
        self.w = {
            name: np.frombuffer(body[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"]).astype(float)
            for name, entry in header.items()
            if entry.get("dtype") == "F32"
        }
        config = json.loads((folder / "config.json").read_text())
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]

    def hidden(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        """The last layer, [batch, tokens, hidden]."""
        w = self.w
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x + w["embeddings.position_embeddings.weight"][: ids.shape[1]], "embeddings.LayerNorm")
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}."
            x = self.norm(x + self.attention(x, mask, name), name + "attention.output.LayerNorm")
            wide = self.linear(x, name + "intermediate.dense")
            active = wide * 0.5 * (1 + _erf(wide / math.sqrt(2)))
            x = self.norm(x + self.linear(active, name + "output.dense"), name + "output.LayerNorm")
        return x

    def embed(self, rows: Sequence[Sequence[int]]) -> Floats:
        """Unit vectors of token ids, by the mean over the attention mask."""
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        total = (self.hidden(ids, mask) * mask[:, :, None]).sum(axis=1)
        return total / np.linalg.norm(total, axis=1, keepdims=True)

    def attention(self, x: Floats, mask: NDArray[np.int64], name: str) -> Floats:
        batch, tokens, hidden = x.shape
        q, k, v = (
            self.linear(x, f"{name}attention.self.{part}")
            .reshape(batch, tokens, self.heads, hidden // self.heads)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(hidden // self.heads)
        scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = weights / weights.sum(axis=-1, keepdims=True) @ v
        return self.linear(mixed.transpose(0, 2, 1, 3).reshape(x.shape), name + "attention.output.dense")

    def linear(self, x: Floats, name: str) -> Floats:
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return scaled * self.w[name + ".weight"] + self.w[name + ".bias"]
