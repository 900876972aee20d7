"""Log-likelihood of multiple-choice items with prefix reuse, against the same without it, in one run.

    python perf/loglikelihood.py ../shared/benchmarks [--model FOLDER] [--items 16]

MMLU with five examples (items of two subjects) and HellaSwag. Contenders, each on the same token ids: prefix reuse
(bakeoff.models.onnx_scoring); one run over the whole text a choice, as lm-evaluation-harness's onnxruntime-genai
backend does; onnxruntime-genai's generator token by token after each item's prefix. Rounds of all contenders in turn;
the median, least and most seconds. Differences are to the whole text.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

from bakeoff import catalog
from bakeoff.benchmarks.data import load_rows
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.registry import find
from bakeoff.benchmarks.tasks import Task
from bakeoff.models.base import LogLikelihood
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_likelihood import score, split_tokens
from bakeoff.models.onnx_scoring import PrefixScorer
from bakeoff.models.onnx_text import Ids

ROUNDS = 3
SUBJECTS = ("anatomy", "world_religions")
Pairs = Sequence[tuple[Ids, Ids]]
Contender = Callable[[Pairs], list[LogLikelihood]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--items", type=int, default=16)
    options = parser.parse_args()
    folder = options.model or catalog.ensure("smollm2-135m-instruct", print)
    model = OnnxChatModel(folder, folder.name)
    table = Table("items", "contender", "seconds", "times", "tokens", "greatest difference", "accuracy")
    for task, items in chosen(options.data, options.items):
        measure(table, model, task, items)
    Console(width=110).print(table)


def chosen(data: Path, count: int) -> list[tuple[Task, list[Item]]]:
    mmlu, hellaswag = find("mmlu"), find("hellaswag")
    assert mmlu.examples
    rows = [row for row in load_rows(mmlu.questions, data / "mmlu").records if row["subject"] in SUBJECTS]
    letters = mmlu.items(rows, load_rows(mmlu.examples, data / "mmlu").records, mmlu.shots)
    halves = [[item for item in letters if item.stratum == subject][: count // 2] for subject in SUBJECTS]
    endings = hellaswag.items(load_rows(hellaswag.questions, data / "hellaswag").records[:count], [], 0)
    return [(mmlu, halves[0] + halves[1]), (hellaswag, endings)]


def measure(table: Table, model: OnnxChatModel, task: Task, items: list[Item]) -> None:
    """Add a row for each contender: seconds, speed-up, tokens through the model, difference, accuracy."""
    runtime, encoder = model._runtime, model._encoder
    items = sorted(items, key=lambda item: item.prompt)
    pairs = [[split_tokens(encoder, runtime.start_token, i.prompt, choice) for choice in i.choices] for i in items]
    assert model.decoder, "this graph has no prefix reuse"
    scorer = PrefixScorer(model.decoder, model.context_length)

    def whole(one: Pairs) -> list[LogLikelihood]:
        return [score(runtime, [pair], [0], forgetting(scorer))[0] for pair in one]

    contenders: dict[str, Contender] = {
        "whole text a choice": whole,
        "token by token": lambda one: score(runtime, one, [0] * len(one), None),
        "prefix reuse": lambda one: score(runtime, one, [0] * len(one), scorer),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    tokens: dict[str, int] = {}
    scores: dict[str, list[list[LogLikelihood]]] = {}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            forgetting(scorer)
            before, started = scorer.computed, time.perf_counter()
            scores[name] = [contender(one) for one in pairs]
            seconds[name].append(time.perf_counter() - started)
            tokens[name] = scorer.computed - before
    medians = {name: median(times) for name, times in seconds.items()}
    reference = list(chain.from_iterable(scores["whole text a choice"]))
    for name in contenders:
        flat = chain.from_iterable(scores[name])
        apart = max(abs(a.logprob - b.logprob) for a, b in zip(flat, reference, strict=True))
        answers = [Answer(tuple(s.logprob for s in one)) for one in scores[name]]
        right = [task.score(item, answer)["acc"] for item, answer in zip(items, answers, strict=True)]
        table.add_row(
            f"{task.name}, {len(items)}",
            name,
            f"{medians[name]:.1f} ({min(seconds[name]):.1f} to {max(seconds[name]):.1f})",
            f"{medians['whole text a choice'] / medians[name]:.1f}",
            f"{tokens[name]:,}" if tokens[name] else "-",
            f"{apart:.1e}",
            f"{fmean(right):.3f}",
        )


def forgetting(scorer: PrefixScorer) -> PrefixScorer:
    """The scorer, with nothing to reuse."""
    scorer._ids = scorer._ids[:0]
    return scorer


if __name__ == "__main__":
    main()
