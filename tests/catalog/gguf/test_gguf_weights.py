"""Block layouts against gguf's own de-quantisation."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType
from gguf.quants import dequantize as reference
from gguf.quants import quantize

from bakeoff.catalog.gguf.reader import RawTensor
from bakeoff.catalog.gguf.weights import hugging_face_order, nibbles, read_matrix, stack
from bakeoff.errors import ModelCorruptError, NotSupportedError


def raw(kind: str, rows: int = 5, columns: int = 96) -> tuple[RawTensor, np.ndarray]:
    values = np.random.default_rng(3).normal(0.1, 1, (rows, columns)).astype(np.float32)
    data = quantize(values, GGMLQuantizationType[kind])
    return RawTensor("w", kind, (rows, columns), data), reference(data, GGMLQuantizationType[kind])


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0", "F16", "F32"])
def test_weights_are_kept(kind: str) -> None:
    tensor, expected = raw(kind)
    np.testing.assert_allclose(read_matrix(tensor).values(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("precision", "kind"), [("int8", "Q8_0"), ("int4", "Q4_0")])
def test_weights_are_rounded_as_ggml_rounds_them(precision: str, kind: str) -> None:
    tensor, values = raw("F32")
    rounded = read_matrix(tensor, precision)
    expected = reference(quantize(values, GGMLQuantizationType[kind]), GGMLQuantizationType[kind])
    assert (rounded.bits, rounded.offsets) == (4 if precision == "int4" else 8, None)
    float16_scales = 1e-3 * np.abs(values).max()  # ggml stores its scales in 16 bits
    np.testing.assert_allclose(rounded.values(), expected, atol=float16_scales)


def test_fp32_has_the_weights_of_the_blocks() -> None:
    tensor, expected = raw("Q4_1")
    matrix = read_matrix(tensor, "fp32")
    assert matrix.bits == 32
    np.testing.assert_allclose(matrix.packed, expected, rtol=0, atol=1e-6)


def test_a_block_of_zeros_stays_zero() -> None:
    tensor = RawTensor("w", "F32", (1, 64), np.zeros((1, 64), np.float32))
    for precision in ("int8", "int4"):
        assert not read_matrix(tensor, precision).values().any()


def test_two_halves_of_four_bits_are_the_eight() -> None:
    matrix = read_matrix(raw("Q8_0")[0])
    high, low = nibbles(matrix)
    assert (high.bits, low.bits) == (4, 4)
    np.testing.assert_allclose(high.values() + low.values(), matrix.values(), rtol=0, atol=1e-6)


def test_stacking_keeps_rows() -> None:
    tensor, expected = raw("Q4_1")
    matrix = read_matrix(tensor)
    np.testing.assert_allclose(stack([matrix, matrix]).values(), np.concatenate([expected, expected]), atol=1e-6)


def test_rotary_order_undoes_llama_cpp() -> None:
    """llama.cpp's converter (convert_hf_to_gguf.py, LlamaModel.permute) turns two halves into neighbouring pairs."""
    heads, head_dim = 3, 8
    rows = np.arange(heads * head_dim)
    permuted = rows.reshape(heads, 2, head_dim // 2).swapaxes(1, 2).reshape(-1)
    assert permuted[hugging_face_order(heads, head_dim)].tolist() == rows.tolist()


def test_infinite_scale_is_refused() -> None:
    tensor, _ = raw("Q8_0")
    damaged = tensor.data.copy()
    damaged[2, :2] = np.frombuffer(np.float16(np.inf).tobytes(), np.uint8)
    with pytest.raises(ModelCorruptError, match="tensor w"):
        read_matrix(RawTensor("w", "Q8_0", tensor.shape, damaged))


def test_rows_off_the_blocks_are_refused() -> None:
    with pytest.raises(NotSupportedError, match="rows of 40"):
        read_matrix(RawTensor("w", "Q4_0", (2, 40), np.zeros((2, 22), np.uint8)))
