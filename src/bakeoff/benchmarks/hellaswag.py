"""HellaSwag (Zellers et al. 2019, arXiv:1905.07830).

`hellaswag`: lm-evaluation-harness 0.4.13, task of that name, version 1.0. `hellaswag_card`: as the cards of small
models report it, huggingface/smollm text/evaluation/tasks.py `hellaswag`: the ends of the texts are not trimmed, so
the prompt ends with a space.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from bakeoff.benchmarks.data import Record, Source
from bakeoff.benchmarks.definition import Definition, definition
from bakeoff.benchmarks.items import Answer, Item, likeliest
from bakeoff.benchmarks.labels import Items
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError
from bakeoff.metrics.summary import Metric

DEFINITION, CARD_DEFINITION = definition("hellaswag"), definition("hellaswag_card")


def items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """Items whose choices are the endings; there are no examples. Raises InputError for a row without a label."""
    return [_item(row, number, DEFINITION, clean) for number, row in enumerate(questions, 1)]


def card_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """The same, with the texts of `hellaswag_card`."""
    return [_item(row, number, CARD_DEFINITION, without_markup) for number, row in enumerate(questions, 1)]


def _item(row: Record, number: int, texts: Definition, clean_text: Callable[[str], str]) -> Item:
    endings = [clean_text(ending) for ending in row["endings"]]
    if str(row["label"]) not in map(str, range(len(endings))):
        raise InputError(f"row {number}: the label {row['label']!r} is none of its {len(endings)} endings")
    fields = {name: row[name] for name in ("activity_label", "ctx_a")} | {"ctx_b": row["ctx_b"].capitalize()}
    prompt = clean_text(texts.texts["prompt"].format(**fields))
    return Item(
        id=f"{number}",
        stratum="",
        prompt=prompt,
        choices=tuple(f" {ending}" for ending in endings),
        reference=int(row["label"]),
        question=f"{texts.texts['generate']}\n\n{prompt}",
        options=tuple(endings),
        answer=int(row["label"]),
    )


def clean(text: str) -> str:
    """Trimmed, without WikiHow's markup (`preprocess` of the harness's task)."""
    return without_markup(text.strip())


def without_markup(text: str) -> str:
    """Without WikiHow's markup in square brackets; ` [title]` ends a sentence."""
    return re.sub(r"\[.*?\]", "", text.replace(" [title]", ". ")).replace("  ", " ")


def score(item: Item, answer: Answer) -> Mapping[str, float]:
    """acc, and acc_norm: the likeliest ending for each of its characters."""
    lengths = [len(choice) - 1 for choice in item.choices]
    return {
        "acc": float(likeliest(answer.logprobs) == item.reference),
        "acc_norm": float(likeliest(answer.logprobs, lengths) == item.reference),
    }


def _task(name: str, summary: str, texts: Definition, made: Items) -> Task:
    return Task(
        name=name,
        summary=summary,
        definition=texts,
        questions=Source(
            ("validation",),
            "Rowan/hellaswag",
            "218ec52e09a7e7462a5400043bb9a69a41d06b76",
            "data/validation-00000-of-00001.parquet",
            ("activity_label", "ctx_a", "ctx_b", "endings", "label"),
        ),
        items=made,
        score=score,
        metrics=(Metric("acc", 1, binary=True), Metric("acc_norm", 1, binary=True)),
    )


HELLASWAG = _task("hellaswag", "how a description goes on: one of four endings, no examples", DEFINITION, items)
CARD = _task("hellaswag_card", "the same as small models' cards report it", CARD_DEFINITION, card_items)
