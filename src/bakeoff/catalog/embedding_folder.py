"""A sentence-embedding model on disk: an ONNX encoder, its tokenizer, and two configurations of its publisher."""

import json
from pathlib import Path

from bakeoff.errors import ModelCorruptError, ModelNotFoundError

GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"
CONFIG, LIMITS = "config.json", "sentence_bert_config.json"


def check(folder: Path) -> None:
    """Raises ModelNotFoundError where there is no such folder, ModelCorruptError where a file is missing or empty."""
    if not folder.is_dir():
        raise ModelNotFoundError(f"there is no embedding model folder {folder}")
    for name in (GRAPH, TOKENIZER, CONFIG, LIMITS):
        path = folder / name
        if not path.is_file() or path.stat().st_size == 0:
            raise ModelCorruptError(f"{folder} is not a complete embedding model: {name} is missing or empty")


def is_one(folder: Path) -> bool:
    """Whether the folder is meant as an embedding model."""
    return (folder / LIMITS).is_file()


def sizes(folder: Path) -> tuple[int, int]:
    """Dimension of the vectors and most tokens of a text. Raises ModelCorruptError for unreadable configurations."""
    try:
        dimension = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["hidden_size"]
        tokens = json.loads((folder / LIMITS).read_text(encoding="utf-8"))["max_seq_length"]
        return int(dimension), int(tokens)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelCorruptError(
            f"{folder}: {CONFIG} needs hidden_size and {LIMITS} max_seq_length ({type(error).__name__}: {error})"
        ) from error
