"""GLUE (Wang et al. 2019, arXiv:1804.07461): nine tasks on their validation sets, as in lm-evaluation-harness 0.4.13
(versions in definitions/glue.yaml), and the average of the paper's leaderboard.

STS-B, which the harness does not have, is Bakeoff's own protocol: the similarity is the expected value of the labels
0 to 5 under their likelihoods; Pearson and Spearman as in the official script (`pearson_and_spearman`). The average
is that of the leaderboard: each task counts once, where it has two figures with their mean, MNLI with the mean of
matched and mismatched, as in `nyu-mll/GLUE-baselines`; the diagnostic set is no part of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bakeoff.benchmarks.data import Record, Source
from bakeoff.benchmarks.definition import definition
from bakeoff.benchmarks.figures import Figure, confusion, correlation, correlation_terms, f1_of, matthews
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.labels import Items, chosen, label_items, right
from bakeoff.benchmarks.suite import Suite
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError
from bakeoff.metrics.summary import Metric

DEFINITION = definition("glue")
ACC = Metric("acc", 1, binary=True)
F1 = Figure("f1", confusion(2, chosen), f1_of(1, 2))
MCC = Figure("mcc", confusion(2, chosen), matthews)


def stsb_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """Items whose choices are the whole similarities. Raises InputError for one that is not from 0 to 5."""
    texts = DEFINITION.texts["stsb"]
    made = []
    for number, row in enumerate(questions, 1):
        if not 0 <= row["label"] <= 5:
            raise InputError(f"row {number}: the similarity {row['label']!r} is not from 0 to 5")
        choices = tuple(f" {choice}" for choice in texts["choices"])
        made.append(Item(f"{number}", "", texts["prompt"].format(**row), choices, float(row["label"])))
    return made


def expected_similarity(item: Item, answer: Answer) -> float:
    """The mean of the labels 0 to 5, each weighted by its likelihood among the six."""
    logprobs = np.array(answer.logprobs)
    weights = np.exp(logprobs - logprobs.max())
    return float(weights @ np.arange(len(weights)) / weights.sum())


def score_similarity(item: Item, answer: Answer) -> Mapping[str, float]:
    """absolute_error, 0 to 5."""
    return {"absolute_error": abs(expected_similarity(item, answer) - item.reference)}


def _similarities(item: Item, answer: Answer) -> tuple[float, float]:
    return expected_similarity(item, answer), item.reference


def _with_full_stop(row: Record) -> Mapping[str, Any]:
    hypothesis = row["hypothesis"].strip()
    return {**row, "hypothesis": hypothesis if hypothesis.endswith(".") else f"{hypothesis}."}


def _source(names: tuple[str, ...], file: str, columns: tuple[str, ...]) -> Source:
    revision = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
    return Source(names, "nyu-mll/glue", revision, f"{file}-00000-of-00001.parquet", (*columns, "label"))


def _task(
    name: str,
    summary: str,
    columns: tuple[str, ...],
    figures: tuple[Figure, ...] = (),
    cluster: str = "",
    fields: Callable[[Record], Mapping[str, Any]] = lambda row: row,
) -> Task:
    items: Items = label_items(DEFINITION.texts[name], cluster, fields)
    source = _source((name,), f"{name}/validation", columns)
    return Task(f"glue_{name}", summary, DEFINITION, source, items, right, (ACC,), figures=figures)


def _mnli(part: str) -> Task:
    return Task(
        name=f"glue_mnli_{part}",
        summary=f"whether one sentence follows from another, {part}",
        definition=DEFINITION,
        questions=_source((f"mnli_{part}", f"validation_{part}"), f"mnli/validation_{part}", ("premise", "hypothesis")),
        items=label_items(DEFINITION.texts["mnli"], "premise", _with_full_stop),
        score=right,
        metrics=(ACC,),
    )


STSB = Task(
    name="glue_stsb",
    summary="how similar two sentences are: Pearson, Spearman",
    definition=DEFINITION,
    questions=_source(("stsb",), "stsb/validation", ("sentence1", "sentence2")),
    items=stsb_items,
    score=score_similarity,
    likelihood_only=True,
    metrics=(Metric("absolute_error"),),
    figures=(
        Figure("pearson", correlation_terms(_similarities, ranks=False), correlation),
        Figure("spearman", correlation_terms(_similarities, ranks=True), correlation),
    ),
)
PAIR = ("sentence1", "sentence2")
GLUE = Suite(
    name="glue",
    summary="the nine tasks of GLUE and their average",
    tasks=(
        _task("cola", "whether a sentence is acceptable: MCC", ("sentence",), (MCC,)),
        _task("sst2", "whether a film is praised", ("sentence",)),
        _task("mrpc", "whether sentences mean the same: accuracy, F1", PAIR, (F1,)),
        _task("qqp", "whether questions ask the same: accuracy, F1", ("question1", "question2"), (F1,)),
        STSB,
        _mnli("matched"),
        _mnli("mismatched"),
        _task("qnli", "whether a sentence answers a question", ("question", "sentence"), cluster="sentence"),
        _task("rte", "whether one sentence follows from another", PAIR, cluster="sentence1"),
        _task("wnli", "whether a pronoun means what it says", PAIR, cluster="sentence1"),
    ),
    average=(
        (("glue_cola", "mcc"),),
        (("glue_sst2", "acc"),),
        (("glue_mrpc", "acc"), ("glue_mrpc", "f1")),
        (("glue_qqp", "acc"), ("glue_qqp", "f1")),
        (("glue_stsb", "pearson"), ("glue_stsb", "spearman")),
        (("glue_mnli_matched", "acc"), ("glue_mnli_mismatched", "acc")),
        (("glue_qnli", "acc"),),
        (("glue_rte", "acc"),),
        (("glue_wnli", "acc"),),
    ),
)
