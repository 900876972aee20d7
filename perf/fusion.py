"""Retrieval by vectors, by keywords and by both: which constants fuse them, and what that gives elsewhere.

    python perf/fusion.py

The constants of bakeoff.retrieval.fusion are chosen on questions of ../shared/benchmarks that are not reported: QNLI
(question to the sentence that answers it), RTE (hypothesis to the premise that entails it), TruthfulQA (question to
its best answer) and MultiRC (question to its paragraph), each among all their texts, and each again with two questions
asked as one, both passages being gold; and on the four kinds of questions about the help centres of data/retrieval.
Chosen is the best mean of recall@1 and recall@5 over these twelve sets. The table is for these.
Reported: boolq_rag (whole passages) and data/rag. Help centres are cut into chunks and ranked as sections, follow-up
questions asked as flows/rag asks them. Intervals are of the paired difference hybrid minus the better half (BCa
bootstrap over questions).
"""

import argparse
import itertools
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from bakeoff.hosts.promptflow_chat import to_messages
from bakeoff.metrics.intervals import bootstrap_interval
from bakeoff.metrics.retrieval import recall_at_k
from bakeoff.models.load import load_embedding
from bakeoff.retrieval.build import build_index, index_settings
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.engine import Hit
from bakeoff.retrieval.follow_up import joined_question
from bakeoff.retrieval.fusion import FusionSettings, fuse
from bakeoff.retrieval.local_index import LocalIndex, LocalIndexWriter
from bakeoff.retrieval.reading_report import ReadingReport

ROOT = Path(__file__).parent.parent
GRID = [
    FusionSettings(*values, rank_constant=constant)
    for values in itertools.product((0.03, 0.05, 0.07), (0.1, 0.15, 0.2), (0.4, 0.5, 0.6), (0.1, 0.2, 0.5))
    for constant in (5.0, 20.0)
]
Asked = tuple[str, set[str]]  # a question and its gold units
Ranking = Callable[[dict[str, float], dict[str, float]], dict[str, float]]


@dataclass
class Question:
    """Gold units, the unit of each chunk found, its similarity, and its keyword score where words found it."""

    gold: set[str]
    units: dict[str, str]
    similarities: dict[str, float]
    keywords: dict[str, float]


@dataclass
class Task:
    name: str
    questions: list[Question]

    def recalls(self, ranking: Ranking, k: int) -> list[float]:
        """recall@k of each question."""
        found = []
        for question in self.questions:
            ranked = ranking(question.similarities, question.keywords)
            found.append(recall_at_k([question.units[chunk] for chunk in ranked], question.gold, k))
        return found


def together(name: str, tasks: Sequence[Task]) -> Task:
    return Task(name, [question for one in tasks for question in one.questions])


def by_vectors(similarities: dict[str, float], keywords: dict[str, float]) -> dict[str, float]:
    return dict(sorted(similarities.items(), key=lambda pair: -pair[1]))


def by_keywords(similarities: dict[str, float], keywords: dict[str, float]) -> dict[str, float]:
    return keywords


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def passages_index(folder: Path, texts: Mapping[str, tuple[str, str]]) -> LocalIndex:
    """An index of whole passages: id to title and text."""
    embedding = load_embedding()
    settings = index_settings(embedding, max_tokens=256)
    chunks = [Chunk(name, name, (), None, text, 0, 0, title) for name, (title, text) in texts.items()]
    vectors = embedding.embed([chunk.embedding_text for chunk in chunks])
    with LocalIndexWriter(folder, settings) as writer:
        for chunk, vector in zip(chunks, vectors, strict=True):
            writer.put(Document(chunk.id, chunk.id, "", ()), [chunk], [vector[None]])
        writer.publish()
    return LocalIndex(folder)


def task(name: str, index: LocalIndex, questions: Sequence[Asked], unit: Callable[[Hit], str]) -> Task:
    embedding = load_embedding()
    vectors = embedding.embed([text for text, _ in questions])
    found = []
    for (text, gold), vector in zip(questions, vectors, strict=True):
        similarities, keywords = index.candidates(text, vector)
        units = dict(zip(similarities, map(unit, index.hits(similarities)), strict=True))
        found.append(Question(gold, units, similarities, keywords))
    return Task(name, found)


def choosing(benchmarks: Path, scratch: Path) -> list[Task]:
    qnli = rows(benchmarks / "glue/qnli.jsonl")
    rte = rows(benchmarks / "glue/rte.jsonl")
    truthful = rows(benchmarks / "truthfulqa/generation.jsonl")
    multirc = rows(benchmarks / "super_glue/multirc.jsonl")
    paragraphs = list(dict.fromkeys(row["paragraph"] for row in multirc))
    texts = list(
        dict.fromkeys(
            [row["sentence"] for row in qnli]
            + [row["sentence1"] for row in rte]
            + [row["best_answer"] for row in truthful]
            + paragraphs
        )
    )
    index = passages_index(scratch / "choosing", {f"p{n:04}": ("", text) for n, text in enumerate(texts)})
    number = {text: f"p{n:04}" for n, text in enumerate(texts)}
    pairs = {
        "QNLI": [(row["question"], row["sentence"]) for row in qnli if row["label"] == 0],
        "RTE": [(row["sentence2"], row["sentence1"]) for row in rte if row["label"] == 0],
        "TruthfulQA": [(row["question"], row["best_answer"]) for row in truthful],
        "MultiRC": list(dict.fromkeys((row["question"], row["paragraph"]) for row in multirc)),
    }
    tasks = {name: [(question, {number[text]}) for question, text in found] for name, found in pairs.items()}
    for name in pairs:
        shuffled = random.Random(0).sample(tasks[name], len(tasks[name]))
        tasks[f"{name} in pairs"] = [
            (f"{a} {b}", c | d) for (a, c), (b, d) in zip(shuffled[::2], shuffled[1::2], strict=False)
        ]
    return [task(name, index, found, lambda hit: hit.id) for name, found in tasks.items()]


def boolq(benchmarks: Path, scratch: Path) -> Task:
    passages = {row["id"]: (row["title"], row["text"]) for row in rows(benchmarks / "boolq_rag/passages.jsonl")}
    questions = rows(benchmarks / "boolq_rag/questions.jsonl")
    index = passages_index(scratch / "boolq", passages)
    asked = [(row["question"], {row["gold_passage_id"]}) for row in questions]
    return task("boolq_rag", index, asked, lambda hit: hit.id)


def help_centres(folders: Sequence[Path], scratch: Path) -> tuple[LocalIndex, dict[str, list[Asked]]]:
    """One index of the articles of all folders, and their questions by category."""
    for folder in folders:
        shutil.copytree(folder / "articles", scratch / "articles" / folder.name)
    embedding = load_embedding()
    settings = index_settings(embedding)
    with LocalIndexWriter(scratch / "index", settings) as writer:
        build_index(scratch / "articles", writer, embedding, settings, ReadingReport())
    questions: dict[str, list[Asked]] = {}
    for folder in folders:
        for row in rows(folder / "questions.jsonl"):
            if row["gold"]:
                asked = joined_question(to_messages("", row["question"], row["chat_history"]))
                gold = {
                    f"{folder.name}/{Path(passage['document']).name}#{passage['heading']}" for passage in row["gold"]
                }
                questions.setdefault(row["category"], []).append((asked, gold))
    return LocalIndex(scratch / "index"), questions


def section(hit: Hit) -> str:
    return f"{hit.document}#{' > '.join(hit.heading_path)}"


def by_category(folders: Sequence[Path], scratch: Path) -> list[Task]:
    index, questions = help_centres(folders, scratch)
    return [task(f"  {category}", index, asked, section) for category, asked in questions.items()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--benchmarks", type=Path, default=ROOT.parent / "shared/benchmarks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        written = by_category(
            sorted(path.parent for path in ROOT.glob("data/retrieval/*/articles")), scratch / "written"
        )
        chosen_on = [*choosing(options.benchmarks, scratch), *written]
        travel = by_category([ROOT / "data/rag"], scratch / "travel")
        reported = [boolq(options.benchmarks, scratch), together("data/rag", travel), *travel]

    def quality(settings: FusionSettings) -> float:
        ranking = partial(fuse, settings=settings)
        return mean(mean(one.recalls(ranking, k)) for one in chosen_on for k in (1, 5))

    console = Console(width=160)
    best = sorted(GRID, key=quality, reverse=True)[:3]
    for settings in best:
        console.print(f"{quality(settings):.4f} {settings}")
    console.print(f"{quality(FusionSettings()):.4f} in use")
    hybrid = partial(fuse, settings=best[0])
    table = Table("set", "questions", *(f"{side} @1 / @5" for side in ("vectors", "keywords", "hybrid", "difference")))
    for one in [*chosen_on, together("data/retrieval", written), *reported]:
        recalls = [[one.recalls(ranking, k) for k in (1, 5)] for ranking in (by_vectors, by_keywords, hybrid)]
        cells = [f"{mean(first):.3f} / {mean(fifth):.3f}" for first, fifth in recalls]
        table.add_row(one.name, str(len(one.questions)), *cells, " / ".join(map(difference, *recalls)))
    console.print(table)


def difference(vectors: list[float], keywords: list[float], hybrid: list[float]) -> str:
    better = max(vectors, keywords, key=mean)
    differences = [ours - theirs for ours, theirs in zip(hybrid, better, strict=True)]
    low, high = bootstrap_interval(differences)
    return f"{mean(differences):+.3f} ({low:+.3f}, {high:+.3f})"


if __name__ == "__main__":
    main()
