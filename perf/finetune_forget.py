"""What a fine-tuned model has forgotten: data/chat and public suites before and after, on the same rows."""

import argparse
from pathlib import Path
from typing import Any

from finetune_answers import BASE, ROOT, kept, rows_of, say, store_of

from bakeoff.benchmarks import compare as suites
from bakeoff.benchmarks.registry import find
from bakeoff.benchmarks.run import Settings, run_task
from bakeoff.experiments.paired import Comparison, compare
from bakeoff.experiments.pairing import pair, read_scores
from bakeoff.finetuning.definition import load_definition
from bakeoff.hosts.promptflow_chat import to_messages
from bakeoff.metrics import chat
from bakeoff.models.base import ChatModel, Completion, Parameters
from bakeoff.models.load import load_model

SUITES = {"hellaswag": "hellaswag", "mmlu_cloze": "mmlu", "truthfulqa": "truthfulqa"}
"""Tasks of `bakeoff benchmark`, and the folder of their data in --data."""
CHAT = {"f1": 1.0, "rouge_l": 1.0, "words": None}
"""Metrics of evaluations/chat, and the best score of each."""


def forget(options: argparse.Namespace) -> None:
    """Print one table: each metric of the base and of the merged int8 model, and the difference, after minus before.

    The merged model, for log-likelihoods take one. A row is a question or an item; intervals are of paired rows.
    """
    definition = load_definition(options.definition)
    names = {"before": BASE, "after": f"{BASE}-{definition.name}-int8"}
    found = [("data/chat", c, means) for c, means in chat_differences(names, options)]
    for task, folder in SUITES.items():
        found += [(task, c, means) for c, means in suite_differences(task, options.data / folder, names, options)]
    say(f"{names['after']} against {names['before']}")
    say(f"{'':12}{'metric':>10}{'rows':>7}{'before':>9}{'after':>9}   {'difference (95 %, paired)':<28}{'p':>7}")
    for where, c, (before, after) in found:
        assert c.difference is not None
        interval = "" if c.low is None or c.high is None else f" ({c.low:+.3f} to {c.high:+.3f})"
        say(
            f"{where:12}{c.metric:>10}{c.counts.paired:>7}{before:>9.3f}{after:>9.3f}   "
            f"{f'{c.difference:+.3f}{interval}':<28}{c.p_value:>7.2g}"
        )
    say("p is not adjusted for the number of metrics.")


def chat_differences(
    names: dict[str, str], options: argparse.Namespace
) -> list[tuple[Comparison, tuple[float, float]]]:
    system = (ROOT / "flows/chat/system.jinja2").read_text(encoding="utf-8")
    rows = rows_of(ROOT / "data/chat/questions.jsonl", options.rows)
    records, means = {}, {}
    for when, name in names.items():
        loaded: list[ChatModel] = []

        def answer(row: dict[str, Any], name: str = name, loaded: list[ChatModel] = loaded) -> Completion:
            if not loaded:
                loaded.append(load_model(name))
            messages = to_messages(system, row["question"], row["chat_history"])
            return loaded[0].complete(messages, Parameters(max_new_tokens=128, overflow="truncate"))

        records[when] = [
            chat.score_row(
                answer=completion["text"],
                completion=completion,
                ground_truth=row["ground_truth"],
                aliases=row["aliases"],
                row_id=row["id"],
            )
            for row, completion in kept(store_of(options.run, f"chat {when}"), rows, answer)
        ]
        means[when] = chat.aggregate(records[when], len(rows))
    found = []
    for metric, maximum in CHAT.items():
        after, before = (read_scores(records[when], metric, when) for when in ("after", "before"))
        difference = compare(pair(after, before, len(rows)), "continuous", maximum=maximum)
        found.append((difference, (means["before"][metric], means["after"][metric])))
    return found


def suite_differences(
    task: str, data: Path, names: dict[str, str], options: argparse.Namespace
) -> list[tuple[Comparison, tuple[float, float]]]:
    settings = Settings(limit=options.limit, data=data)
    results = {
        when: run_task(find(task), load_model(name), settings, options.run / "forget", say)
        for when, name in names.items()
    }
    contenders = suites.read_results([results[when].path for when in ("after", "before")])
    if different := suites.differences(contenders):
        raise SystemExit(f"{task} was not measured alike before and after: {different}")
    return [
        (c, (results["before"].metrics[c.metric], results["after"].metrics[c.metric]))
        for c in suites.comparisons(contenders)
    ]
