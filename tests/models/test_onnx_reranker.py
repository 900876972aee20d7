from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from bakeoff.errors import ModelCorruptError, ModelNotFoundError
from bakeoff.models.onnx_reranker import OnnxReranker

WORDS = ["[UNK]", "[SEP]", "which", "pier", "ferry", "dog", "cabin"]
WEIGHTS = [0.0, 0.0, 0.0, 2.0, 1.0, -1.0, -2.0]


def cross_encoder(folder: Path, outputs: int, graph_name: str = "model.onnx") -> Path:
    """Its logit is the sum of WEIGHTS over the passage's words; with two outputs the first one is its negative."""
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(pair="$A [SEP] $B:1", special_tokens=[("[SEP]", 1)], single="$A")
    signs = np.array([[1.0]] if outputs == 1 else [[-1.0, 1.0]], np.float32)
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["each"]),
        helper.make_node("Cast", ["token_type_ids"], ["is_passage"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["each", "is_passage"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "axes"], ["sum"], keepdims=1),
        helper.make_node("MatMul", ["sum", "signs"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "cross_encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "n"]) for name in ("input_ids", "token_type_ids")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, outputs])],
        [
            numpy_helper.from_array(np.array(WEIGHTS, np.float32), "weights"),
            numpy_helper.from_array(np.array([1], np.int64), "axes"),
            numpy_helper.from_array(signs, "signs"),
        ],
    )
    path = folder / graph_name
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize(("outputs", "factor"), [(1, 1), (2, 2)])
@pytest.mark.parametrize("graph", ["model.onnx", "onnx/model.onnx"])
def test_question_and_passage_are_read_together(tmp_path: Path, outputs: int, factor: int, graph: str):
    reranker = OnnxReranker(cross_encoder(tmp_path, outputs, graph))
    scores = reranker.score("which pier", ["ferry pier", "dog cabin", ""])
    assert scores == [3.0 * factor, -3.0 * factor, 0.0]
    assert reranker.score("which pier", []) == []


def test_a_long_passage_is_cut(tmp_path: Path):
    reranker = OnnxReranker(cross_encoder(tmp_path, 1))
    assert reranker.score("which pier", ["pier " * 2000]) == [2.0 * (512 - 3)]
    assert reranker.score("which " * 2000, ["ferry pier"]) == [3.0]


def test_what_is_no_cross_encoder_is_named(tmp_path: Path):
    with pytest.raises(ModelNotFoundError, match=r"tokenizer\.json and model\.onnx"):
        OnnxReranker(tmp_path)
    cross_encoder(tmp_path, 1)
    (tmp_path / "model.onnx").write_bytes(b"rubbish")
    with pytest.raises(ModelCorruptError, match="cannot be loaded"):
        OnnxReranker(tmp_path)
