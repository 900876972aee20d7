"""HellaSwag (Zellers et al. 2019, arXiv:1905.07830): lm-evaluation-harness 0.4.13, task `hellaswag` version 1.0."""

import re
from collections.abc import Mapping, Sequence

from bakeoff.benchmarks.data import Record, Source
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.tasks import Task, definition, likeliest
from bakeoff.errors import InputError
from bakeoff.metrics.summary import Metric

DEFINITION = definition("hellaswag")


def items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """Items whose choices are the endings; there are no examples. Raises InputError for a row without a label."""
    made = []
    for number, row in enumerate(questions, 1):
        endings = [clean(ending) for ending in row["endings"]]
        if str(row["label"]) not in map(str, range(len(endings))):
            raise InputError(f"row {number}: the label {row['label']!r} is none of its {len(endings)} endings")
        fields = {name: row[name] for name in ("activity_label", "ctx_a")} | {"ctx_b": row["ctx_b"].capitalize()}
        prompt = clean(DEFINITION.texts["prompt"].format(**fields))
        made.append(
            Item(
                id=f"{number}",
                stratum="",
                prompt=prompt,
                choices=tuple(f" {ending}" for ending in endings),
                reference=int(row["label"]),
                question=f"{DEFINITION.texts['generate']}\n\n{prompt}",
                options=tuple(endings),
                answer=int(row["label"]),
            )
        )
    return made


def clean(text: str) -> str:
    """Without WikiHow's markup in square brackets (`preprocess` of the task; ` [title]` ends a sentence)."""
    stripped = re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". "))
    return stripped.replace("  ", " ")


def score(item: Item, answer: Answer) -> Mapping[str, float]:
    """acc, and acc_norm: the likeliest ending for each of its characters."""
    lengths = [len(choice) - 1 for choice in item.choices]
    return {
        "acc": float(likeliest(answer.logprobs) == item.reference),
        "acc_norm": float(likeliest(answer.logprobs, lengths) == item.reference),
    }


HELLASWAG = Task(
    name="hellaswag",
    summary="how a description goes on: one of four endings, no examples",
    definition=DEFINITION,
    questions=Source(
        ("validation",),
        "Rowan/hellaswag",
        "218ec52e09a7e7462a5400043bb9a69a41d06b76",
        "data/validation-00000-of-00001.parquet",
        ("activity_label", "ctx_a", "ctx_b", "endings", "label"),
    ),
    items=items,
    score=score,
    metrics=(Metric("acc", 1, binary=True), Metric("acc_norm", 1, binary=True)),
)
