"""KILT (Petroni et al. 2021, arXiv:2009.02252): knowledge-intensive tasks over one Wikipedia, eleven dev sets.

The model answers from memory, which earns no KILT score; a file of guesses in KILT's own form (an answer and a ranked
provenance for each id, from any retrieval) is scored in full. Scores are those of bakeoff.metrics.kilt, on pages.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.benchmarks.data import Record, Rows, Source, load_rows
from bakeoff.benchmarks.definition import definition
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.suite import Suite
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError
from bakeoff.metrics import kilt
from bakeoff.metrics.kilt_records import gold_answers, gold_evidence, guess_answer, guess_ranking
from bakeoff.metrics.summary import Metric
from bakeoff.models.base import ModelIdentity

DEFINITION = definition("kilt")
RETRIEVAL = ("r_precision", "precision_at_1", "recall_at_5", "success_rate_at_5")
RANKS = (1, 5)


def score(item: Item, answer: Answer) -> Mapping[str, float]:
    """All downstream scores; KILT scores and retrieval where the answer came with a ranking of pages."""
    ranking = [] if answer.ranking is None else list(answer.ranking)
    retrieval = kilt.score_retrieval(ranking, gold_evidence(item.reference), RANKS)
    scores = kilt.score_answer(answer.text, gold_answers(item.reference), retrieval["r_precision"])
    if answer.ranking is None:
        return {name: score for name, score in scores.items() if not name.startswith("kilt_")}
    return scores | retrieval


def read_guesses(path: Path) -> tuple[ModelIdentity, dict[str, Mapping[str, Any]]]:
    """Who guessed (the file and its hash), and each guess by id.

    Raises InputError for a file that is not there or malformed, a guess without exactly one output, and a repeated id.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    rows: Rows = load_rows(Source((path.stem,), "", "", "", ("id", "output")), path.parent)
    guesses: dict[str, Mapping[str, Any]] = {}
    for guess in rows.records:
        if str(guess["id"]) in guesses:
            raise InputError(f"{path}: the id {guess['id']!r} appears twice")
        guesses[str(guess["id"])] = {"text": guess_answer(guess), "ranking": guess_ranking(guess)}
    revision = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return ModelIdentity(path.stem, "guesses", revision), guesses


def _task(name: str, summary: str, downstream: tuple[str, ...], max_new_tokens: int = 32) -> Task:
    def items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
        prompt = DEFINITION.texts[name]
        return [Item(str(row["id"]), "", prompt.format(input=row.get("input", "")), (), row) for row in questions]

    binary = ("accuracy", "exact_match")
    return Task(
        name=f"kilt_{name}",
        summary=summary,
        definition=DEFINITION,
        questions=Source((name, f"{name}-dev-kilt"), "", "", "", ("id", "output")),
        items=items,
        score=score,
        metrics=(
            *(Metric(one, 1, binary=one in binary) for one in downstream),
            *(Metric(f"kilt_{one}", 1, binary=one in binary) for one in downstream),
            *(Metric(one, 1, binary=one.startswith("success")) for one in RETRIEVAL),
        ),
        free_text=True,
        stop=("\n\n",),
        max_new_tokens=max_new_tokens,
    )


ACCURACY, SHORT, LONG = ("accuracy",), ("exact_match", "f1"), ("rouge_l", "f1")
KILT = Suite(
    name="kilt",
    summary="questions whose answers lie in one Wikipedia",
    tasks=(
        _task("fever", "whether a claim is true", ACCURACY),
        _task("aidayago2", "which article a name in the news means", ACCURACY),
        _task("wned", "which article a name in Wikipedia means", ACCURACY),
        _task("cweb", "which article a name on the web means", ACCURACY),
        _task("trex", "the object of a relation", ACCURACY),
        _task("structured_zeroshot", "the object of an unseen relation", ACCURACY),
        _task("nq", "questions to a search engine", SHORT),
        _task("hotpotqa", "questions that need two articles", SHORT),
        _task("triviaqa", "quiz questions", SHORT),
        _task("eli5", "questions that need a paragraph", LONG, 256),
        _task("wow", "the next line of an informed conversation", LONG, 64),
    ),
    average=(),
)
