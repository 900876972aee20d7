"""The importer on a tiny BERT, against a forward pass in numpy."""

from pathlib import Path

import numpy as np
import pytest
from numpy_bert import NumpyBert
from tiny_bert import HIDDEN, POSITIONS, WORDS, write_tiny_bert

from bakeoff.catalog.bert import import_bert
from bakeoff.catalog.embedding_folder import check, sizes
from bakeoff.errors import ModelCorruptError, NotSupportedError
from bakeoff.models.onnx_runtime import open_session


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "published").mkdir()
    return write_tiny_bert(tmp_path / "published")


def imported(source: Path) -> Path:
    out = source.parent / "imported"
    out.mkdir()
    import_bert(source, out, lambda line: None)
    return out


def test_hidden_states_are_those_of_the_published_weights(tiny: Path) -> None:
    folder = imported(tiny)
    session = open_session(folder / "model.onnx", threads=1)
    ids = np.random.default_rng(1).integers(0, WORDS, (3, 17))
    (found,) = session.run(None, {"input_ids": ids})
    expected = NumpyBert(tiny).hidden(ids, np.ones_like(ids))
    assert found.shape == expected.shape
    cosines = (found * expected).sum(-1) / np.linalg.norm(found, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert cosines.min() > 0.999
    assert np.abs(found - expected).max() < 0.2


def test_a_token_does_not_change_with_its_batch(tiny: Path) -> None:
    session = open_session(imported(tiny) / "model.onnx", threads=1)
    ids = np.random.default_rng(2).integers(0, WORDS, (4, 9))
    (together,) = session.run(None, {"input_ids": ids})
    for row in range(4):
        (alone,) = session.run(None, {"input_ids": ids[row : row + 1]})
        assert np.abs(alone[0] - together[row]).max() < 1e-5


def test_the_folder_is_complete(tiny: Path) -> None:
    folder = imported(tiny)
    check(folder)
    assert sizes(folder) == (HIDDEN, POSITIONS)


def test_an_incomplete_folder_names_the_file(tiny: Path) -> None:
    folder = imported(tiny)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelCorruptError, match=r"tokenizer\.json is missing or empty"):
        check(folder)


@pytest.mark.parametrize("harm", ["cut", "no header", "missing"])
def test_damaged_weights_are_told(harm: str, tiny: Path) -> None:
    weights = tiny / "model.safetensors"
    match harm:
        case "cut":
            weights.write_bytes(weights.read_bytes()[:-100])
        case "no header":
            weights.write_bytes(b"\xff" * 100)
        case "missing":
            weights.unlink()
    with pytest.raises(ModelCorruptError, match=r"model\.safetensors is not a readable safetensors file"):
        imported(tiny)


def test_weights_of_another_shape_are_told(tiny: Path) -> None:
    write_tiny_bert(tiny, num_hidden_layers=3)
    with pytest.raises(ModelCorruptError, match=r"do not fit the configuration: .*encoder\.layer\.2"):
        imported(tiny)


@pytest.mark.parametrize("other", [{"model_type": "roberta"}, {"hidden_act": "relu"}])
def test_another_architecture_is_refused(other: dict[str, str], tiny: Path) -> None:
    write_tiny_bert(tiny, **other)
    with pytest.raises(NotSupportedError, match="only BERT with gelu"):
        imported(tiny)
