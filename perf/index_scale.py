"""A whole local index at scale: hybrid queries end to end, memory, opening, building.

    python perf/index_scale.py --work FOLDER [--rows 100000]

Vectors and texts are made as in perf/vectors.py (real embeddings of ../shared/benchmarks, mixed and perturbed). One
query is what flows/rag asks: both sides, similarities of all candidates, fusion, ten passages with their texts; the
question's own embedding is not in it. The index answers in a fresh process: 200 queries with its files dropped from
the page cache, then 200 others. Recall is that of the vector side against exact search. Linux.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from retrieval_engines import drop_from_cache, memory_mb
from rich.console import Console
from vectors import HELD_OUT, benchmark_texts, chunk_texts, make, query_texts

from bakeoff.models.load import load_embedding
from bakeoff.retrieval.build import index_settings
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.local_index import LocalIndex, LocalIndexWriter

QUERIES, TOP, PER_DOCUMENT = 200, 10, 1000


def prepare(work: Path, rows: int, benchmarks: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "real.npy").exists():
        texts = benchmark_texts(benchmarks)
        np.random.default_rng(0).shuffle(texts)
        (work / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
        np.save(work / "real.npy", load_embedding().embed(texts))
    make(work, rows, benchmarks, work, work)


def build(work: Path, rows: int) -> dict[str, float]:
    vectors, texts = np.load(work / f"vectors-{rows}.npy", mmap_mode="r"), chunk_texts(work, rows)
    started = time.perf_counter()
    with LocalIndexWriter(work / f"index-{rows}", index_settings(load_embedding())) as writer:
        for start in range(0, rows, PER_DOCUMENT):
            path = f"{start:08}.txt"
            chunks = [
                Chunk(f"{row:016x}", path, (), None, texts[row], 0, 0, "")
                for row in range(start, min(start + PER_DOCUMENT, rows))
            ]
            writer.put(Document(path, path, "", ()), chunks, list(vectors[start : start + len(chunks), None]))
        stored = time.perf_counter()
        writer.publish()
    size = sum(path.stat().st_size for path in (work / f"index-{rows}").rglob("*") if path.is_file())
    return {
        "store s": stored - started,
        "both sides s": time.perf_counter() - stored,
        "build peak MB": memory_mb("status", "VmHWM:"),
        "disk MB": size / 1e6,
    }


def ask(work: Path, rows: int) -> dict[str, float]:
    drop_from_cache((work / f"index-{rows}").rglob("*"))
    queries, questions = np.load(work / "queries.npy"), query_texts(work)
    truth = np.load(work / f"exact-{rows}.npy")
    started = time.perf_counter()
    index = LocalIndex(work / f"index-{rows}")
    opened, times, found = time.perf_counter() - started, [], 0
    for row in range(2 * QUERIES):
        started = time.perf_counter()
        index.search(questions[row % len(questions)], queries[row], TOP)
        times.append(1000 * (time.perf_counter() - started))
    private = memory_mb("smaps_rollup", "Anonymous:")
    for row in range(2 * QUERIES):
        nearest = {int(hit.id, 16) for hit in index.search("", queries[row], TOP)}
        found += len(nearest & set(truth[row].tolist()))
    return {
        "open ms": 1000 * opened,
        "first ms": times[0],
        "cold p95 ms": float(np.percentile(times[:QUERIES], 95)),
        "p50 ms": float(np.percentile(times[QUERIES:], 50)),
        "p95 ms": float(np.percentile(times[QUERIES:], 95)),
        "recall@10": found / (2 * QUERIES * TOP),
        "private MB": private,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--work", type=Path, required=True, help="for vectors and indexes, kept between runs")
    parser.add_argument("--benchmarks", type=Path, default=Path(__file__).parents[2] / "shared/benchmarks")
    parser.add_argument("--worker", choices=["prepare", "build", "ask"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    console = Console(width=120)
    if given.worker == "prepare":
        prepare(given.work, given.rows, given.benchmarks)
    elif given.worker:
        console.out(json.dumps({"build": build, "ask": ask}[given.worker](given.work, given.rows)))
    else:
        figures: dict[str, float] = {}
        for step in ("prepare", "build", "ask"):
            if step == "build" and (given.work / f"index-{given.rows}").exists():
                continue
            command = [sys.executable, __file__, "--rows", str(given.rows), "--work", str(given.work)]
            done = subprocess.run([*command, "--worker", step], check=True, stdout=subprocess.PIPE, text=True)
            figures |= json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
        console.print(f"{given.rows:,} chunks, {HELD_OUT} held-out queries")
        for name, figure in figures.items():
            console.print(f"  {name:14} {figure:,.3f}" if name == "recall@10" else f"  {name:14} {figure:,.1f}")


if __name__ == "__main__":
    main()
