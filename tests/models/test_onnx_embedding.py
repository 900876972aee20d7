"""Local sentence embeddings on the embedded model."""

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save
from tokenizers import Tokenizer

from bakeoff import catalog
from bakeoff.errors import InputError, ModelCorruptError, ModelNotFoundError
from bakeoff.models.load import load_embedding
from bakeoff.models.onnx_embedding import OnnxEmbeddingModel
from bakeoff.models.onnx_runtime import open_session

TEXTS = ["Where is my bag?", "The fee is 30 EUR.", "Luggage that did not arrive is traced within 21 days. " * 6, "cat"]


@pytest.fixture(scope="module")
def folder() -> Path:
    return catalog.ensure("all-minilm-l6-v2", print)


@pytest.fixture(scope="module")
def model(folder: Path) -> OnnxEmbeddingModel:
    return OnnxEmbeddingModel(folder, "minilm")


def test_a_vector_is_the_scaled_mean_over_the_tokens(model: OnnxEmbeddingModel, folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    session = open_session(folder / "model.onnx", threads=1)
    for text, found in zip(TEXTS, model.embed(TEXTS), strict=True):
        ids = tokenizer.encode(text).ids
        (hidden,) = session.run(None, {"input_ids": np.array([ids])})
        total = [sum(float(hidden[0, t, d]) for t in range(len(ids))) / len(ids) for d in range(384)]
        expected = np.array(total) / sum(v * v for v in total) ** 0.5
        assert np.abs(found - expected).max() < 1e-5


def test_vectors_are_unit_float32(model: OnnxEmbeddingModel) -> None:
    found = model.embed(["", *TEXTS])
    assert (found.dtype, found.shape) == (np.float32, (5, model.dimension))
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(model: OnnxEmbeddingModel) -> None:
    assert model.embed([]).shape == (0, 384)


def test_order_and_neighbours_do_not_matter(model: OnnxEmbeddingModel) -> None:
    many = [f"{text} {number}" for number in range(20) for text in TEXTS]
    together = model.embed(many)
    alone = np.concatenate([model.embed([text]) for text in many])
    assert np.abs(together - alone).max() < 1e-6
    assert np.abs(model.embed(many[::-1])[::-1] - together).max() < 1e-6


def test_similar_texts_are_nearer(model: OnnxEmbeddingModel) -> None:
    query, same, related, other = model.embed(
        [
            "How much does a second suitcase cost?",
            "The price of an extra checked bag",
            "Airport check-in",
            "A cat sleeps.",
        ]
    )
    assert query @ same > query @ related > query @ other
    assert query @ other < 0.2


def test_a_long_text_is_cut_at_256_tokens_and_told(model: OnnxEmbeddingModel, caplog: pytest.LogCaptureFixture) -> None:
    assert model.max_tokens == 256
    fits, longer = "bag " * 254, "bag " * 254 + "zebra"
    assert model.count_tokens([fits, longer, ""]) == [256, 257, 2]
    with caplog.at_level(logging.WARNING):
        one, two = model.embed([fits, longer])
    assert np.array_equal(one, two)
    assert "1 of 2 texts are longer than the 256 tokens of minilm" in caplog.text


def test_what_fits_is_not_warned_about(model: OnnxEmbeddingModel, caplog: pytest.LogCaptureFixture) -> None:
    model.embed(["bag " * 254])
    assert not caplog.records


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ("one", "put the one text into a list"),
        (["a", 3], "text 2 .* is a int"),
        (["\ud800"], "text 1 .*lone surrogate"),
    ],
)
def test_what_is_not_text_is_refused(model: OnnxEmbeddingModel, texts: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        model.embed(texts)


def test_threads_share_one_model(model: OnnxEmbeddingModel) -> None:
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda _: model.embed(TEXTS), range(8)))
    assert all(np.array_equal(vectors, found[0]) for vectors in found)


def test_load_embedding_gives_the_same_object_and_its_identity(folder: Path) -> None:
    first = load_embedding()
    assert load_embedding("all-minilm-l6-v2") is first
    assert load_embedding(str(folder)) is first
    assert (first.identity.name, first.identity.provider) == ("all-minilm-l6-v2", "onnx")
    assert first.identity.revision == catalog.revision(folder)
    with pytest.raises(InputError, match="all-minilm-l6-v2 needs no account"):
        load_embedding(" ")


def test_an_encoder_with_mask_and_token_types_works(folder: Path, tmp_path: Path) -> None:
    """The usual export: three inputs. This one gives each token its row of a table times its mask."""
    own = shutil.copytree(folder, tmp_path / "own", ignore=shutil.ignore_patterns("bakeoff.json", "model.onnx"))
    table = np.random.default_rng(3).normal(size=(30522, 384)).astype(np.float32)
    nodes = [
        helper.make_node("Add", ["input_ids", "token_type_ids"], ["ids"]),
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "axis"], ["wide"]),
        helper.make_node("Mul", ["rows", "wide"], ["last_hidden_state"]),
    ]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "t"]) for name in names]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "t", 384])]
    weights = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([2]), "axis")]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), own / "model.onnx")
    loaded = OnnxEmbeddingModel(catalog.resolve(own), "own")
    ids = Tokenizer.from_file(str(own / "tokenizer.json")).encode("cat").ids[:3]
    expected = table[ids].sum(axis=0)
    assert np.allclose(loaded.embed(["cat"])[0], expected / np.linalg.norm(expected), atol=1e-5)
    assert loaded.identity.revision.startswith("sizes-")


def test_bad_folders_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no embedding model folder"):
        OnnxEmbeddingModel(tmp_path / "nowhere", "x")
    with pytest.raises(ModelCorruptError, match=r"model\.onnx is missing"):
        OnnxEmbeddingModel(tmp_path, "x")
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelCorruptError, match="broken cannot be loaded"):
        OnnxEmbeddingModel(broken, "x")
