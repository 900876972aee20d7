"""Import a published BERT sentence embedder (safetensors) into a fast ONNX folder, without torch or transformers."""

import shutil
from collections.abc import Callable
from pathlib import Path

WEIGHTS_FILE = "model.safetensors"


def import_bert(source: Path, out: Path, report: Callable[[str], None]) -> None:
    """Write an embedding folder (see bakeoff.catalog.embedding_folder) into the existing empty directory `out`.

    `source` holds model.safetensors and config.json of a BERT encoder, and what is copied as it is: tokenizer.json and
    sentence_bert_config.json. Raises ModelCorruptError for damaged or missing files and NotSupportedError for another
    architecture.
    """
    from bakeoff.catalog import embedding_folder
    from bakeoff.catalog.bert.config import read_config
    from bakeoff.catalog.bert.graph import encoder
    from bakeoff.catalog.bert.safetensors import read_safetensors
    from bakeoff.catalog.bert.smoothing import smoothing_factors

    report(f"import: reading {WEIGHTS_FILE}")
    config = read_config(source / embedding_folder.CONFIG)
    tensors = read_safetensors(source / WEIGHTS_FILE)
    report(f"import: writing {config.layers} layers with int8 weights")
    model, _ = encoder(tensors, config, smoothing_factors(tensors, config))
    (out / embedding_folder.GRAPH).write_bytes(model.SerializeToString())
    for name in (embedding_folder.CONFIG, embedding_folder.LIMITS, embedding_folder.TOKENIZER):
        shutil.copyfile(source / name, out / name)
