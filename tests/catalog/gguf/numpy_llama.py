"""A llama forward pass in plain numpy on de-quantised GGUF tensors: the reference the importer is held against.

It shares no code with the importer: gguf's own de-quantisation, llama.cpp's row order with interleaved rotary pairs.
"""

from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize


class NumpyLlama:
    def __init__(self, path: Path):
        reader = GGUFReader(path)
        self.weights = {
            t.name: dequantize(t.data, t.tensor_type).reshape([int(n) for n in reversed(t.shape)])
            for t in reader.tensors
        }
        get = lambda key: reader.fields[f"llama.{key}"].contents()  # noqa: E731
        self.layers, self.heads, self.kv_heads = (
            get("block_count"),
            get("attention.head_count"),
            get("attention.head_count_kv"),
        )
        self.epsilon, self.theta = get("attention.layer_norm_rms_epsilon"), get("rope.freq_base")

    def logits(self, ids: list[int]) -> np.ndarray:
        """[tokens, vocabulary]"""
        w = self.weights
        x = w["token_embd.weight"][ids]
        for layer in range(self.layers):
            part = lambda name: w[f"blk.{layer}.{name}.weight"]  # noqa: B023, E731
            h = self.norm(x, part("attn_norm"))
            q, k, v = (
                self.split(h @ part(f"attn_{name}").T, n)
                for name, n in (("q", self.heads), ("k", self.kv_heads), ("v", self.kv_heads))
            )
            x = x + self.attend(self.rotate(q), self.rotate(k), v) @ part("attn_output").T
            h = self.norm(x, part("ffn_norm"))
            gate = h @ part("ffn_gate").T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ part("ffn_up").T)) @ part("ffn_down").T
        return self.norm(x, w["output_norm.weight"]) @ w.get("output.weight", w["token_embd.weight"]).T

    def norm(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * weight

    def split(self, x: np.ndarray, heads: int) -> np.ndarray:
        return x.reshape(len(x), heads, -1).swapaxes(0, 1)

    def rotate(self, x: np.ndarray) -> np.ndarray:
        pairs = x.reshape(*x.shape[:2], -1, 2)
        angles = np.arange(x.shape[1])[:, None] * self.theta ** (-np.arange(0, x.shape[2], 2) / x.shape[2])
        turned = (pairs[..., 0] + 1j * pairs[..., 1]) * np.exp(1j * angles)
        return np.stack([turned.real, turned.imag], -1).reshape(x.shape).astype(np.float32)

    def attend(self, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        group = self.heads // self.kv_heads
        k, v = k.repeat(group, 0), v.repeat(group, 0)
        scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2])
        scores += np.triu(np.full(scores.shape[1:], -np.inf, dtype=np.float32), 1)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True)) @ v
        return mixed.swapaxes(0, 1).reshape(q.shape[1], -1)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def perplexity(logits: np.ndarray, ids: list[int]) -> float:
    """exp of the mean negative log-likelihood of every token after the first; `logits` is [tokens, vocabulary]."""
    picked = log_softmax(logits[:-1])[np.arange(len(ids) - 1), ids[1:]]
    return float(np.exp(-picked.mean()))
