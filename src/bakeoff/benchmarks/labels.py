"""Tasks that give each text one of a few labels, such as most of GLUE and SuperGLUE: the label word by likelihood."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bakeoff.benchmarks.data import Record
from bakeoff.benchmarks.items import Answer, Item, likeliest
from bakeoff.errors import InputError

Items = Callable[[Sequence[Record], Sequence[Record], int], list[Item]]


def label_items(
    texts: Mapping[str, Any], cluster: str = "", fields: Callable[[Record], Mapping[str, Any]] = lambda row: row
) -> Items:
    """Makes the items of a task: `texts["prompt"]` filled with `fields(row)`, and a choice for each label.

    cluster: the column that rows with a common passage have in common.
    """

    def items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
        return [
            label_item(f"{number}", texts, row, fields(row), str(row.get(cluster, "")))
            for number, row in enumerate(questions, 1)
        ]

    return items


def label_item(row_id: str, texts: Mapping[str, Any], row: Record, fields: Mapping[str, Any], cluster: str) -> Item:
    """One item of `label_items`. Raises InputError for a label that the task does not have (-1 where it is hidden)."""
    prompt = texts["prompt"].format(**fields)
    options = tuple(choice.format(**fields) for choice in texts["choices"])
    label = checked_label(row, len(options), row_id)
    return Item(
        id=row_id,
        stratum="",
        prompt=prompt,
        choices=tuple(f" {option}" for option in options),
        reference=label,
        question=prompt.removesuffix("\nAnswer:"),
        options=options,
        answer=label,
        cluster=cluster,
    )


def checked_label(row: Record, labels: int, row_id: str) -> int:
    """The row's label. Raises InputError for one outside 0 to `labels` - 1."""
    if row["label"] not in range(labels):
        raise InputError(
            f"row {row_id}: the label is {row['label']!r}, not a number from 0 to {labels - 1}; "
            "test sets whose labels are hidden cannot be scored"
        )
    return int(row["label"])


def chosen(item: Item, answer: Answer) -> int:
    """The index of the model's choice: what it picked by letter, or the likeliest."""
    return likeliest(answer.logprobs) if answer.picked is None else answer.picked


def right(item: Item, answer: Answer) -> Mapping[str, float]:
    """acc: whether the choice is the label."""
    return {"acc": float(chosen(item, answer) == item.reference)}
