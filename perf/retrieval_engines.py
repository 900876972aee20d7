"""Embedded retrieval engines on the same vectors and texts: latency, recall, private memory, opening, building, size.

    python perf/retrieval_engines.py --rows 100000 --work FOLDER --model model.onnx --tokenizer tokenizer.json

In an environment of its own: numpy, onnxruntime, tokenizers, faiss-cpu, usearch, lancedb, sqlite-vec, apsw, tantivy,
bm25s, chromadb; Linux. Each engine builds in one process and answers in a fresh one: 200 queries with its files dropped
from the page cache, then 200 others warm. Private is anonymous memory (/proc/self/smaps_rollup): file pages belong to
the kernel. Recall is against exact search; keyword engines have none.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from retrieval_adapters import ENGINES, TOP, Engine
from vectors import chunk_texts, likeness, make, query_texts

QUERIES = 200
COLUMNS = ["build s", "build peak MB", "disk MB", "open ms", "first ms", "cold p95 ms", "p50 ms", "p95 ms"]
COLUMNS += ["recall@10", "private MB"]


def drop_from_cache(paths: Iterable[Path]) -> None:
    for path in filter(Path.is_file, paths):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory_mb(file: str, field: str) -> float:
    lines = Path("/proc/self", file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def build(engine: Engine, folder: Path, items: Any) -> dict[str, float]:
    start = time.perf_counter()
    engine.build(folder, items)
    return {
        "build s": time.perf_counter() - start,
        "build peak MB": memory_mb("status", "VmHWM:"),
        "disk MB": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
    }


def ask(engine: Engine, folder: Path, items: Any, queries: Any, truth: np.ndarray | None) -> dict[str, float]:
    start = time.perf_counter()
    search = engine.open(folder, items)
    opened, times, hits = time.perf_counter() - start, [], 0
    for row in range(2 * QUERIES):
        start = time.perf_counter()
        found = search(queries[row])
        times.append(1000 * (time.perf_counter() - start))
        hits += 0 if truth is None else len(set(found) & set(truth[row].tolist()))
    figures = {
        "open ms": 1000 * opened,
        "first ms": times[0],
        "cold p95 ms": float(np.percentile(times[:QUERIES], 95)),
        "p50 ms": float(np.percentile(times[QUERIES:], 50)),
        "p95 ms": float(np.percentile(times[QUERIES:], 95)),
        "private MB": memory_mb("smaps_rollup", "Anonymous:"),
    }
    return figures if truth is None else figures | {"recall@10": hits / (2 * QUERIES * TOP)}


def worker(step: str, name: str, work: Path, rows: int) -> dict[str, float]:
    engine, folder, file = ENGINES[name], work / f"{name.replace(' ', '-')}-{rows}", work / f"vectors-{rows}.npy"
    folder.mkdir(exist_ok=True)
    if step == "build":
        return build(engine, folder, chunk_texts(work, rows) if engine.keyword else np.load(file, mmap_mode="r"))
    drop_from_cache([*folder.rglob("*"), file])
    if engine.keyword:
        return ask(engine, folder, [], query_texts(work), None)
    truth = np.load(work / f"exact-{rows}.npy")
    return ask(engine, folder, np.load(file, mmap_mode="r"), np.load(work / "queries.npy"), truth)


def measure(name: str, work: Path, rows: int, limit: int) -> str:
    """One table row; an index of an earlier run is asked again, not built again."""
    figures: dict[str, float] = {}
    built = work / f"{name.replace(' ', '-')}-{rows}.json"
    if built.exists():
        figures |= json.loads(built.read_text())
    for step in ("ask",) if built.exists() else ("build", "ask"):
        command = [sys.executable, __file__, "--rows", str(rows), "--work", str(work), "--worker", step, name]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return f"| {name} | {step}: over {limit} s |"
        if ended.returncode:
            return f"| {name} | {step} failed: {ended.stderr.strip().splitlines()[-1]} |"
        figures |= json.loads(ended.stdout.splitlines()[-1])
        if step == "build":
            built.write_text(json.dumps(figures))
    return f"| {name} | " + " | ".join(shown(column, figures.get(column)) for column in COLUMNS) + " |"


def shown(column: str, figure: float | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:.3f}" if column == "recall@10" else f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--work", type=Path, required=True, help="for vectors and indexes, kept between runs")
    parser.add_argument("--only", nargs="+", choices=ENGINES, default=list(ENGINES), metavar="ENGINE")
    parser.add_argument("--limit", type=int, default=1800, help="seconds an engine may build")
    parser.add_argument("--benchmarks", type=Path, default=Path("../shared/benchmarks"))
    parser.add_argument(
        "--model", type=Path, help="all-MiniLM-L6-v2 as ONNX; with --tokenizer, needed by the first run"
    )
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        say(json.dumps(worker(*given.worker, given.work, given.rows)))
        return
    given.work.mkdir(parents=True, exist_ok=True)
    make(given.work, given.rows, given.benchmarks, given.model, given.tokenizer)
    say(likeness(given.work, given.rows) + "\n")
    say(f"| {given.rows:,} chunks | " + " | ".join(COLUMNS) + " |\n|---|" + "---:|" * len(COLUMNS))
    for name in given.only:
        say(measure(name, given.work, given.rows, given.limit))


if __name__ == "__main__":
    main()
