"""Groundedness without a judge: how far it agrees with hand labels, beside two simpler checks.

    python perf/groundedness.py

Rows: data/rag/groundedness.jsonl. Every threshold, ours and those of the simpler checks, is the one with the highest
accuracy on the calibration rows, the stricter one where several are equal; the figures are those of the test rows.
"Embedding only" takes the largest cosine of question and sentence with a clause or table cell of a passage (without the
question it does worse on the calibration rows); "words only" the share of the sentence's words and numbers that stand
in the passages. Intervals are Wilson's at 95 %.
"""

import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bakeoff.metrics.evidence import evidence_in
from bakeoff.metrics.groundedness import THRESHOLDS, Embed, SupportCheck, Thresholds
from bakeoff.metrics.intervals import wilson_interval
from bakeoff.metrics.text import normalize_answer
from bakeoff.models.load import load_embedding
from bakeoff.retrieval.documents import read_documents
from bakeoff.retrieval.reading_report import ReadingReport

DATA = Path(__file__).resolve().parent.parent / "data" / "rag"
COVERAGES = (0.7, 0.6, 0.5, 0.4, 0.3)
SIMILARITIES = (0.6, 0.55, 0.5, 0.45, 0.4, 0.35)
MARGINS = (0.0, 0.02, 0.05, 0.1, 0.15)
STEPS = [step / 100 for step in range(100, -1, -1)]


@dataclass(frozen=True)
class Row:
    """A labelled sentence with the text of its passages."""

    question: str
    sentence: str
    passages: tuple[str, ...]
    supported: bool
    kind: str


Check = Callable[[Row], bool]


def read_rows() -> dict[str, list[Row]]:
    """The labelled rows by split, their passages as chunks are shown: headings, a blank line, text."""
    texts = {}
    for document in read_documents(DATA, ReadingReport()):
        for section in document.sections:
            heading = " > ".join(section.heading_path)
            texts[document.path, heading] = f"{heading}\n\n{section.text}"
    rows = defaultdict(list)
    for line in (DATA / "groundedness.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        passages = tuple(texts[passage["document"], passage["heading"]] for passage in row["passages"])
        rows[row["split"]].append(Row(row["question"], row["sentence"], passages, row["supported"], row["kind"]))
    return rows


def remembering(embed: Embed) -> Embed:
    """The same vectors, each text embedded once: calibration asks for them hundreds of times."""
    known: dict[str, np.ndarray[Any, Any]] = {}

    def embed_once(texts: Sequence[str]) -> np.ndarray[Any, Any]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, embed(new), strict=True))
        return np.stack([known[text] for text in texts])

    return embed_once


def ours(embed: Embed, thresholds: Thresholds) -> Check:
    return lambda row: SupportCheck(embed, row.question, thresholds)(row.sentence, row.passages)


def cosine(embed: Embed) -> Callable[[Row], float]:
    def score(row: Row) -> float:
        texts = [piece.text for passage in row.passages for piece in evidence_in(passage)]
        return float((embed(texts) @ embed([f"{row.question} {row.sentence}"])[0]).max())

    return score


def coverage(row: Row) -> float:
    said = set(normalize_answer(" ".join(row.passages)).split())
    words = normalize_answer(row.sentence).split()
    return sum(word in said for word in words) / len(words)


def accuracy(check: Check, rows: Sequence[Row]) -> float:
    return sum(check(row) is row.supported for row in rows) / len(rows)


def best_thresholds(embed: Embed, rows: Sequence[Row]) -> Thresholds:
    grid = itertools.starmap(Thresholds, itertools.product(COVERAGES, SIMILARITIES, MARGINS))
    return max(grid, key=lambda thresholds: accuracy(ours(embed, thresholds), rows))


def best_threshold(score: Callable[[Row], float], rows: Sequence[Row]) -> float:
    scores = {row: score(row) for row in rows}
    return max(STEPS, key=lambda least: accuracy(lambda row: scores[row] >= least, rows))


def share(hits: int, of: int) -> str:
    low, high = wilson_interval(hits / of if of else 0.0, of)
    return f"{hits / of if of else 0:.2f} ({low:.2f}-{high:.2f})"


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float:
    """Cohen 1960, "A coefficient of agreement for nominal scales"."""
    observed = np.mean([one == other for one, other in pairs])
    first, second = np.mean(pairs, axis=0)
    expected = first * second + (1 - first) * (1 - second)
    return float((observed - expected) / (1 - expected))


def main() -> None:
    rows = read_rows()
    model = load_embedding()
    embed = remembering(model.embed)
    calibration, test = rows["calibration"], rows["test"]
    chosen = best_thresholds(embed, calibration)
    near, lexical = best_threshold(cosine(embed), calibration), best_threshold(coverage, calibration)
    checks: dict[str, Check] = {
        "Bakeoff": ours(embed, chosen),
        f"embedding only, cosine >= {near:.2f}": lambda row: cosine(embed)(row) >= near,
        f"words only, share >= {lexical:.2f}": lambda row: coverage(row) >= lexical,
    }
    console = Console(width=150)
    names = ", ".join(
        f"{name} {value:g}" for name, value in zip(Thresholds.__match_args__, astuple(chosen), strict=True)
    )
    console.print(f"{len(calibration)} calibration rows choose {names}; in the code: {chosen == THRESHOLDS}")
    figures = Table("", "calibration", "test accuracy", "kappa", "unsupported: precision", "unsupported: recall")
    by_kind = Table("test rows labelled", "rows", *(name.split(",")[0] for name in checks))
    agreed: dict[str, Counter[tuple[str, bool]]] = {}
    for name, check in checks.items():
        found = [(check(row), row.supported) for row in test]
        caught = found.count((False, False))
        figures.add_row(
            name,
            f"{accuracy(check, calibration):.2f}",
            share(sum(one == other for one, other in found), len(found)),
            f"{kappa(found):.2f}",
            share(caught, caught + found.count((False, True))),
            share(caught, caught + found.count((True, False))),
        )
        agreed[name] = Counter(
            (row.kind, row.supported) for row, pair in zip(test, found, strict=True) if pair[0] == pair[1]
        )
    for kind, count in sorted(Counter((row.kind, row.supported) for row in test).items()):
        label = f"{kind[0]}, {'supported' if kind[1] else 'not supported'}"
        by_kind.add_row(label, str(count), *(str(agreed[name][kind]) for name in checks))
    console.print(figures, by_kind)
    started = time.perf_counter()
    accuracy(ours(model.embed, chosen), test)
    console.print(f"{(time.perf_counter() - started) / len(test) * 1000:.0f} ms a sentence with {model.identity.name}")


if __name__ == "__main__":
    main()
