"""The importer on tiny files of every tensor type, against a forward pass in numpy."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy_llama import NumpyLlama
from tiny_gguf import TOKENS, write_tiny_gguf

from bakeoff.catalog.gguf import graph, import_gguf, write_folder
from bakeoff.catalog.gguf.reader import GgufFile
from bakeoff.errors import ModelCorruptError, NotSupportedError


def imported(tmp_path: Path, precision: str | None = None, **kind: object) -> tuple[Path, Path]:
    source, out = write_tiny_gguf(tmp_path / "tiny.gguf", **kind), tmp_path / "model"  # type: ignore[arg-type]
    out.mkdir()
    import_gguf(source, out, print, precision)
    return source, out


def run(folder: Path, ids: list[int], logits_from: int) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(folder / "model.onnx", options)
    feed = {
        "input_ids": np.array([ids]),
        "attention_mask": np.ones((1, len(ids)), np.int64),
        "logits_from": np.array([logits_from]),
    }
    for tensor in session.get_inputs():
        if tensor.name.startswith("past"):
            feed[tensor.name] = np.zeros((1, tensor.shape[1], 0, tensor.shape[3]), np.float32)
    return session.run(["logits"], feed)[0][0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("F32", {}),
        ("F16", {"tied": False}),
        ("Q8_0", {}),
        ("Q4_0", {}),
        ("Q4_0", {"tied": False, "embedding": "F16"}),
        ("Q4_1", {}),
        ("Q4_1", {"embedding": "Q8_0"}),
        ("Q4_1", {"tied": False}),
    ],
)
def test_logits_follow_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, object]
) -> None:
    """With float activations the graph computes what the weights say, to float precision."""
    monkeypatch.setattr(graph, "INT8_ACTIVATIONS", 0)
    source, out = imported(tmp_path, kind=kind, **options)
    ids = np.random.default_rng(1).integers(0, len(TOKENS), 40).tolist()
    expected = NumpyLlama(source).logits(ids)
    found = run(out, ids, 0)
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
    np.testing.assert_allclose(run(out, ids, -3), found[-3:], atol=1e-4)


@pytest.mark.parametrize("options", [{"kind": "Q8_0"}, {"kind": "Q4_1", "embedding": "Q8_0"}, {"kind": "Q4_0"}])
def test_a_graph_that_does_not_round_computes_what_the_weights_say(tmp_path: Path, options: dict[str, str]) -> None:
    """As the rounding one does not."""
    source, rounding = imported(tmp_path, **options)
    exact = tmp_path / "exact"
    exact.mkdir()
    write_folder(GgufFile(source), exact, lambda line: None, rounds=False)
    ids = np.random.default_rng(1).integers(0, len(TOKENS), 40).tolist()
    expected = NumpyLlama(source).logits(ids)
    errors = [np.abs(run(folder, ids, 0) - expected).max() / np.abs(expected).max() for folder in (exact, rounding)]
    assert errors[0] < 2e-4 < errors[1]


@pytest.mark.parametrize(("precision", "kind"), [("fp32", "F32"), ("int8", "Q8_0")])
def test_a_precision_gives_what_a_file_of_that_kind_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, kind: str
) -> None:
    monkeypatch.setattr(graph, "INT8_ACTIVATIONS", 0)
    _, out = imported(tmp_path, precision, kind="F32")
    ids = np.random.default_rng(1).integers(0, len(TOKENS), 40).tolist()
    expected = NumpyLlama(write_tiny_gguf(tmp_path / "rounded.gguf", kind)).logits(ids)
    np.testing.assert_allclose(run(out, ids, 0), expected, atol=0.02 * np.abs(expected).max())


def test_equal_bytes_are_stored_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, tied = imported(tmp_path / "a", kind="Q8_0")
    _, own = imported(tmp_path / "b", kind="Q8_0", tied=False)
    assert (tied / "model.onnx.data").stat().st_size < (own / "model.onnx.data").stat().st_size


def test_configuration_tells_genai_what_it_needs(tmp_path: Path) -> None:
    _, out = imported(tmp_path, kind="Q4_1")
    model = json.loads((out / "genai_config.json").read_text())["model"]
    assert (model["eos_token_id"], model["pad_token_id"], model["context_length"]) == (2, 2, 256)
    tokenizer = json.loads((out / "tokenizer_config.json").read_text())
    assert tokenizer["eos_token"] == "<|im_end|>"
    assert "im_start" in tokenizer["chat_template"]


def test_not_a_gguf_file(tmp_path: Path) -> None:
    rubbish = tmp_path / "model.gguf"
    rubbish.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ModelCorruptError, match="not a GGUF file"):
        import_gguf(rubbish, tmp_path, print)


@pytest.mark.parametrize("keep", [6, 200, 3000, 20000])
def test_cut_short(tmp_path: Path, keep: int) -> None:
    whole = write_tiny_gguf(tmp_path / "tiny.gguf", "Q8_0").read_bytes()
    assert keep < len(whole)
    (tmp_path / "cut.gguf").write_bytes(whole[:keep])
    with pytest.raises(ModelCorruptError, match="cut.gguf"):
        import_gguf(tmp_path / "cut.gguf", tmp_path, print)


def test_other_architecture_and_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="qwen2"):
        import_gguf(write_tiny_gguf(tmp_path / "a.gguf", "F16", architecture="qwen2"), tmp_path, print)
    with pytest.raises(NotSupportedError, match="unheard-of"):
        import_gguf(write_tiny_gguf(tmp_path / "b.gguf", "F16", pre="unheard-of"), tmp_path, print)


def test_unknown_tensor_type(tmp_path: Path) -> None:
    source = write_tiny_gguf(tmp_path / "a.gguf", "Q4_1", embedding="Q5_0")
    with pytest.raises(NotSupportedError, match="token_embd.weight.*Q5_0.*llama-quantize"):
        import_gguf(source, tmp_path, print)
