"""The least similarity from which flows/rag answers: chosen on half of data/rag, reported on the other half.

    python perf/rag_threshold.py

The similarity of a question is that of its best passage (hybrid search, ten hits). Chosen on the odd rows of data/rag:
the highest threshold, in hundredths, that refuses no
answerable question. Reported: the even rows, and questions about
anything else (every twentieth of TruthfulQA, ../shared/benchmarks), with 95 % Wilson intervals.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bakeoff.hosts import promptflow_rag
from bakeoff.metrics.intervals import wilson_interval

ROOT = Path(__file__).parent.parent


def similarity(question: str, history: Sequence[object] = ()) -> float:
    rewritten = promptflow_rag.rewrite(question, history, "history", "") if history else None
    found = promptflow_rag.find(
        question, rewritten, index="articles", base=ROOT / "data/rag", mode="hybrid", top_k=10, min_similarity=0
    )
    return max(passage["similarity"] for passage in found["passages"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--benchmarks", type=Path, default=ROOT.parent / "shared/benchmarks")
    options = parser.parse_args()
    lines = (ROOT / "data/rag/questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [(row["answerable"], similarity(row["question"], row["chat_history"])) for row in map(json.loads, lines)]
    others = (options.benchmarks / "truthfulqa/generation.jsonl").read_text(encoding="utf-8").splitlines()[::20]
    chosen_on, reported_on = rows[::2], rows[1::2]
    answerable = [value for kept, value in chosen_on if kept]
    threshold = int(100 * min(answerable)) / 100
    table = Table("questions", "rows", f"refused below {threshold}")
    for name, values in (
        ("chosen on: answerable", answerable),
        ("chosen on: unanswerable", [value for kept, value in chosen_on if not kept]),
        ("reported: answerable", [value for kept, value in reported_on if kept]),
        ("reported: unanswerable, near the topics", [value for kept, value in reported_on if not kept]),
        ("reported: about anything else", [similarity(json.loads(line)["question"]) for line in others]),
    ):
        share = sum(value < threshold for value in values) / len(values)
        low, high = wilson_interval(share, len(values))
        table.add_row(name, str(len(values)), f"{share:.3f} ({low:.3f} to {high:.3f})")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
