"""GGUF's quantised blocks as the arrays that ONNX Runtime's MatMulNBits reads, without quantising a second time.

Block layouts (32 weights each) follow ggml's `ggml-common.h`: Q4_0 is `w = d * (q - 8)`, Q4_1 `w = d * q + m`,
Q8_0 `w = d * q` with signed q. MatMulNBits computes `w = scale * (q - 8)` at 4 bits and `scale * (q - 128)` at 8
bits. Q4_0 and Q8_0 fit as they are. Q4_1 needs one more term, `offset = m + 8 d` for each block:
`w = d * (q - 8) + offset`, so `x . w = MatMulNBits(x) + sum over blocks of (sum of x in the block) * offset`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.gguf.reader import RawTensor
from bakeoff.errors import ModelCorruptError, NotSupportedError

BLOCK = 32


@dataclass(frozen=True)
class Matrix:
    """A weight matrix [rows (outputs), columns (inputs)].

    bits 4 or 8: `packed` is [rows, blocks, bytes] uint8, `scales` [rows, blocks] float32 and `offsets` the same or
    None. bits 32: `packed` is [rows, columns] float32 and the others are None.
    """

    bits: int
    packed: NDArray[Any]
    scales: NDArray[np.float32] | None = None
    offsets: NDArray[np.float32] | None = None

    @property
    def columns(self) -> int:
        return int(self.packed.shape[1] if self.scales is None else self.scales.shape[1] * BLOCK)

    @property
    def kind(self) -> tuple[int, bool]:
        """Matrices of one kind can be stacked."""
        return self.bits, self.offsets is not None

    def rows(self, order: NDArray[np.intp]) -> "Matrix":
        """The same matrix with its rows in another order."""
        scales = None if self.scales is None else self.scales[order]
        offsets = None if self.offsets is None else self.offsets[order]
        return Matrix(self.bits, self.packed[order], scales, offsets)


def read_matrix(tensor: RawTensor) -> Matrix:
    """Raises ModelCorruptError for scales that are not finite, NotSupportedError for a row length off the blocks."""
    if tensor.type in ("F32", "F16"):
        return Matrix(32, np.asarray(tensor.data, dtype=np.float32).reshape(tensor.shape))
    rows, columns = tensor.shape
    if columns % BLOCK:
        raise NotSupportedError(f"tensor {tensor.name}: rows of {columns} do not divide into blocks of {BLOCK}")
    header = 4 if tensor.type == "Q4_1" else 2
    body = BLOCK if tensor.type == "Q8_0" else BLOCK // 2
    blocks = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(rows, columns // BLOCK, header + body)
    numbers = blocks[:, :, :header].copy().view(np.float16).astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ModelCorruptError(f"tensor {tensor.name} holds block scales that are not finite: the file is damaged")
    scales, quants = numbers[:, :, 0], blocks[:, :, header:]
    if tensor.type == "Q8_0":
        return Matrix(8, quants ^ 0x80, scales)
    offsets = numbers[:, :, 1] + 8 * scales if tensor.type == "Q4_1" else None
    return Matrix(4, _pair_neighbours(quants), scales, offsets)


def _pair_neighbours(quants: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """ggml pairs weight i with i + 16 in a byte, MatMulNBits 2 i with 2 i + 1; the low nibble comes first in both."""
    low, high = quants & 0x0F, quants >> 4
    ordered = np.concatenate([low, high], axis=-1)
    paired: NDArray[np.uint8] = ordered[..., 0::2] | ordered[..., 1::2] << 4
    return paired


def stack(matrices: list[Matrix]) -> Matrix:
    """Matrices of one kind below each other (q, k and v as one)."""
    return Matrix(
        matrices[0].bits,
        np.concatenate([m.packed for m in matrices]),
        _join([m.scales for m in matrices]),
        _join([m.offsets for m in matrices]),
    )


def _join(arrays: list[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if present else None


def hugging_face_order(heads: int, head_dim: int) -> NDArray[np.intp]:
    """Row order that turns llama.cpp's q and k (rotary pairs side by side) back into two rotary halves."""
    pairs = np.arange(heads * head_dim).reshape(heads, head_dim // 2, 2)
    return pairs.swapaxes(1, 2).reshape(-1)
