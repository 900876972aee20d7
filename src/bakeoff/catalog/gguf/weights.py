"""GGUF's quantised blocks as the arrays that ONNX Runtime's MatMulNBits reads, without quantising a second time.

Block layouts (32 weights each) follow ggml's `ggml-common.h`: Q4_0 is `w = d * (q - 8)`, Q4_1 `w = d * q + m`,
Q8_0 `w = d * q` with signed q. MatMulNBits computes `w = scale * (q - 8)` at 4 bits and `scale * (q - 128)` at 8
bits. Q4_0 and Q8_0 fit as they are. Q4_1 needs one more term, `offset = m + 8 d` for each block:
`w = d * (q - 8) + offset`, so `x . w = MatMulNBits(x) + sum over blocks of (sum of x in the block) * offset`.

With a `precision` the weights are stored anew, for comparisons: fp32 as they are, int8 and int4 rounded to the nearest
as ggml's Q8_0 and Q4_0 are. fp32 and the exact import have the same weights.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.gguf.reader import RawTensor
from bakeoff.errors import ModelCorruptError, NotSupportedError

BLOCK = 32
PRECISIONS = ("fp32", "int8", "int4")


@dataclass(frozen=True)
class Matrix:
    """A weight matrix [rows (outputs), columns (inputs)].

    bits 4 or 8: `packed` is [rows, blocks, bytes] uint8, `scales` [rows, blocks] float32 and `offsets` the same or
    None; is_unsigned: quants count from 0, not from the middle of their range. bits 32: `packed` is [rows, columns]
    float32 and the others are None.
    """

    bits: int
    packed: NDArray[Any]
    scales: NDArray[np.float32] | None = None
    offsets: NDArray[np.float32] | None = None
    is_unsigned: bool = False

    @property
    def columns(self) -> int:
        return int(self.packed.shape[1] if self.scales is None else self.scales.shape[1] * BLOCK)

    @property
    def kind(self) -> tuple[int, bool]:
        """Matrices of one kind can be stacked."""
        return self.bits, self.offsets is not None

    def values(self) -> NDArray[np.float32]:
        """The weights themselves, [rows, columns]."""
        if self.scales is None:
            return np.asarray(self.packed, dtype=np.float32)
        if self.bits == 8:
            quants = self.packed
        else:
            quants = np.stack([self.packed & 0x0F, self.packed >> 4], axis=-1).reshape(*self.packed.shape[:2], BLOCK)
        middle = 0 if self.is_unsigned else 2 ** (self.bits - 1)
        weights = (quants.astype(np.float32) - middle) * self.scales[:, :, None]
        if self.offsets is not None:
            weights += self.offsets[:, :, None]
        return np.asarray(weights.reshape(len(weights), -1), dtype=np.float32)

    def rows(self, order: NDArray[np.intp]) -> "Matrix":
        """The same matrix with its rows in another order."""
        scales = None if self.scales is None else self.scales[order]
        offsets = None if self.offsets is None else self.offsets[order]
        return Matrix(self.bits, self.packed[order], scales, offsets)


def read_matrix(tensor: RawTensor, precision: str | None = None) -> Matrix:
    """The tensor's blocks as they are, or at one of PRECISIONS.

    Raises ModelCorruptError for scales that are not finite, NotSupportedError for a row length off the blocks.
    """
    stored = _as_stored(tensor)
    return stored if precision is None else at_precision(stored.values(), precision)


def at_precision(weights: NDArray[np.float32], precision: str) -> Matrix:
    """Weights [rows, columns] as fp32, or rounded in blocks: scale is largest magnitude / 127 at int8, and the weight
    of largest magnitude / -8 at int4, by ggml's Q8_0 and Q4_0."""
    if precision == "fp32":
        return Matrix(32, weights)
    blocks = weights.reshape(len(weights), -1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=-1, keepdims=True), axis=-1)[:, :, 0]
    bits, scales = (8, np.abs(largest) / 127) if precision == "int8" else (4, largest / -8)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    middle = 2 ** (bits - 1)
    quants = np.clip(np.rint(blocks * inverse[:, :, None]) + middle, 0, 2 * middle - 1).astype(np.uint8)
    return Matrix(bits, quants if bits == 8 else _packed(quants), scales.astype(np.float32))


def nibbles(weights: Matrix) -> tuple[Matrix, Matrix]:
    """Two 4-bit matrices whose sum is that of 8 bits: `s * (q - 128) = 16 s * (high - 8) + s * low`."""
    assert weights.scales is not None
    high, low = _packed(weights.packed >> 4), _packed(weights.packed & 0x0F)
    return Matrix(4, high, 16 * weights.scales), Matrix(4, low, weights.scales, is_unsigned=True)


def _packed(quants: NDArray[Any]) -> NDArray[Any]:
    """Two 4-bit numbers a byte, the first of neighbours in its low half."""
    packed: NDArray[Any] = quants[..., 0::2] | quants[..., 1::2] << 4
    return packed


def _as_stored(tensor: RawTensor) -> Matrix:
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
    return _packed(np.concatenate([low, high], axis=-1))


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
