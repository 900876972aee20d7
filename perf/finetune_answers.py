"""What perf/finetune.py asks: models on the held-out rows, their answers kept beside the run, paired figures."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Template

from bakeoff.hosts.promptflow_chat import to_messages
from bakeoff.metrics import extract
from bakeoff.models.base import ChatModel, Completion, Message, Parameters

ROOT = Path(__file__).parents[1]
TEST = ROOT / "data/finetune/test.jsonl"
SYSTEM = Template((ROOT / "flows/extract/system.jinja2").read_text(encoding="utf-8"))
BASE = "smollm2-135m-instruct"
ANSWER = Parameters(max_new_tokens=80)
RESAMPLES = 2_000
Rows = Sequence[Mapping[str, Any]]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def rows_of(path: Path, limit: int | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][:limit]


def asked(message: str) -> list[Message]:
    """What flows/extract asks a fine-tuned model."""
    return to_messages(SYSTEM.render(instructions="short"), message, [])


def kept(
    store: Path, rows: Iterable[dict[str, Any]], answer: Callable[[dict[str, Any]], Completion]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row with the record of its completion; an answer that is in the file `store` is not asked again."""
    store.parent.mkdir(parents=True, exist_ok=True)
    known = {row["id"]: row["completion"] for row in rows_of(store)} if store.is_file() else {}
    found = []
    with store.open("a", encoding="utf-8") as file:
        for row in rows:
            if row["id"] not in known:
                known[row["id"]] = answer(row).to_dict()
                file.write(json.dumps({"id": row["id"], "completion": known[row["id"]]}) + "\n")
                file.flush()
            found.append((row, known[row["id"]]))
    return found


def store_of(run: Path, name: str) -> Path:
    return run / "answers" / f"{name.replace(' ', '-').replace(',', '')}.jsonl"


def scored(run: Path, name: str, limit: int | None, load: Callable[[], ChatModel]) -> list[dict[str, Any]]:
    """Row records of a model on the held-out rows; `load` is called where an answer is not at hand."""
    loaded: list[ChatModel] = []

    def answer(row: dict[str, Any]) -> Completion:
        if not loaded:
            loaded.append(load())
        return loaded[0].complete(asked(row["message"]), ANSWER)

    return [score(row, completion) for row, completion in kept(store_of(run, name), rows_of(TEST, limit), answer)]


def score(row: dict[str, Any], completion: dict[str, Any]) -> dict[str, Any]:
    return extract.score_row(
        answer=completion["text"],
        completion=completion,
        expected=row["answer"],
        category=row["category"],
        row_id=row["id"],
    ) | {"text": completion["text"]}


def share(metric: str) -> Callable[[Rows], float]:
    """The mean of a metric's score, a row without one as 0."""
    return lambda rows: sum(row[f"{metric}_score"] or 0 for row in rows) / len(rows)


FIGURES: dict[str, Callable[[Rows], float]] = {
    "JSON valid": share("json_valid"),
    "intent": share("intent"),
    "macro-F1": extract.intent_macro_f1,
    "entity F1": extract.entity_micro_f1,
    "urgency": share("urgency"),
    "exact": share("exact_match"),
}
"""Figures of a set of row records, 0 to 1."""


def paired(a: Rows, b: Rows, figure: Callable[[Rows], float]) -> tuple[float, float, float]:
    """A figure of a minus that of b, with a 95 % percentile bootstrap over rows, the same drawn for both."""
    chance = np.random.default_rng(0)
    draws = [
        figure([a[i] for i in drawn]) - figure([b[i] for i in drawn])
        for drawn in (chance.integers(len(a), size=len(a)) for _ in range(RESAMPLES))
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return figure(a) - figure(b), float(low), float(high)
