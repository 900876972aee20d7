"""Read a GGUF file of the llama architecture: hyper-parameters, tokenizer and raw tensors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import ModelCorruptError, NotSupportedError

TENSOR_TYPES = ("F32", "F16", "Q4_0", "Q4_1", "Q8_0")


@dataclass(frozen=True)
class Hyperparameters:
    """Shape of a llama model; sizes in elements, `rope_theta` and `rms_norm_eps` as in the GGUF metadata."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int
    rope_theta: float
    rms_norm_eps: float


@dataclass(frozen=True)
class RawTensor:
    """`data` is [rows, bytes per row] uint8 for quantised types, [rows, columns] or [columns] floats otherwise."""

    name: str
    type: str
    shape: tuple[int, ...]
    data: NDArray[Any]


class GgufFile:
    """A GGUF file opened by memory map.

    Raises ModelCorruptError for a file that is not GGUF or is cut short, NotSupportedError for an architecture,
    RoPE scaling or tensor type that the importer does not know.
    """

    def __init__(self, path: Path):
        from gguf import GGUFReader

        self.path = path
        try:
            with path.open("rb") as file:
                magic = file.read(4)
            if magic != b"GGUF":
                raise ModelCorruptError(f"{path} is not a GGUF file: it starts with {magic!r}, not b'GGUF'")
            reader = GGUFReader(path)
        except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError) as error:
            raise ModelCorruptError(f"{path} is damaged or cut short ({error}): fetch it again") from error
        self._fields = reader.fields
        architecture = self.get("general.architecture")
        if architecture != "llama":
            raise NotSupportedError(f"{path.name} has architecture {architecture!r}: only llama can be imported")
        scaling = self.get("llama.rope.scaling.type", "none")
        if scaling != "none":
            raise NotSupportedError(f"{path.name} uses RoPE scaling {scaling!r}, which the importer does not know")
        self.tensors: dict[str, RawTensor] = {}
        for tensor in reader.tensors:
            kind = tensor.tensor_type.name
            if kind not in TENSOR_TYPES:
                raise NotSupportedError(
                    f"tensor {tensor.name} of {path.name} is {kind}: only {', '.join(TENSOR_TYPES)} can be imported; "
                    "convert the file to Q8_0 or F16 with llama.cpp's llama-quantize first"
                )
            shape = tuple(int(n) for n in reversed(tensor.shape))
            self.tensors[tensor.name] = RawTensor(tensor.name, kind, shape, tensor.data)
        if "rope_freqs.weight" in self.tensors:
            raise NotSupportedError(
                f"{path.name} carries rope_freqs (Llama 3.1 scaling), which the importer does not know"
            )
        self.hyperparameters = self._hyperparameters()

    def get(self, key: str, default: Any = None) -> Any:
        """A metadata value, or `default` where the file has no such key."""
        field = self._fields.get(key)
        return default if field is None else field.contents()

    def require(self, key: str) -> Any:
        value = self.get(key)
        if value is None:
            raise ModelCorruptError(f"{self.path} lacks the metadata key {key}")
        return value

    def tensor(self, name: str, shape: tuple[int, ...]) -> RawTensor:
        """The tensor of that name; raises ModelCorruptError when it is missing or has another shape."""
        tensor = self.tensors.get(name)
        if tensor is None:
            raise ModelCorruptError(f"{self.path} lacks the tensor {name}")
        if tensor.shape != shape:
            raise ModelCorruptError(f"tensor {name} of {self.path} has shape {tensor.shape}, expected {shape}")
        return tensor

    def _hyperparameters(self) -> Hyperparameters:
        hidden, heads = self.require("llama.embedding_length"), self.require("llama.attention.head_count")
        head_dim = self.get("llama.attention.key_length", hidden // heads)
        rotary = self.get("llama.rope.dimension_count", head_dim)
        if rotary != head_dim:
            raise NotSupportedError(
                f"{self.path.name} rotates {rotary} of {head_dim} dimensions of a head (partial RoPE)"
            )
        return Hyperparameters(
            layers=self.require("llama.block_count"),
            hidden=hidden,
            feed_forward=self.require("llama.feed_forward_length"),
            heads=heads,
            kv_heads=self.get("llama.attention.head_count_kv", heads),
            head_dim=head_dim,
            vocab=len(self.require("tokenizer.ggml.tokens")),
            context=self.require("llama.context_length"),
            rope_theta=float(self.get("llama.rope.freq_base", 10000.0)),
            rms_norm_eps=float(self.require("llama.attention.layer_norm_rms_epsilon")),
        )


def float_vector(tensor: RawTensor) -> NDArray[np.float32]:
    """A float tensor as float32."""
    return np.asarray(tensor.data, dtype=np.float32).reshape(tensor.shape)
