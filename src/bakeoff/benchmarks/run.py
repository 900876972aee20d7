"""Run a benchmark task on a model: ask, journal, score, summarise, and say exactly what was measured."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from statistics import stdev
from typing import Any, Literal

from bakeoff.benchmarks import early_stop, letters, model_facts
from bakeoff.benchmarks.answers import Answers, Record
from bakeoff.benchmarks.asking import Asking
from bakeoff.benchmarks.data import load_rows, subset
from bakeoff.benchmarks.figures import clustered_mean, summarise_figures
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError
from bakeoff.metrics.rows import failed, scored, scores_of, skipped
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories
from bakeoff.models.base import ChatModel, ModelIdentity

Method = Literal["loglikelihood", "generate"]
LETTER = Metric("acc", 1, binary=True)
PACKAGES = ("bakeoff", "onnxruntime", "onnxruntime-genai", "numpy")


@dataclass(frozen=True)
class Settings:
    """What a person chooses. shots None: the task's usual number; limit None: all items; data None: the hub.

    stop_within: half the width of the interval at which to stop early; None: ask all items.
    """

    shots: int | None = None
    limit: int | None = None
    seed: int = 0
    method: Method = "loglikelihood"
    data: Path | None = None
    stop_within: float | None = None


@dataclass(frozen=True)
class Result:
    """card: what was measured, on what, how. metrics: as bakeoff.metrics.summary writes them, and `_stderr`."""

    card: Mapping[str, Any]
    metrics: Mapping[str, float]
    path: Path


def run_task(task: Task, model: ChatModel, settings: Settings, output: Path, report: Callable[[str], None]) -> Result:
    """Run the task, or what is left of it, and write `<output>/<task>-<model>-<hash>.json`.

    Answers are kept in `<output>/<task>-<model>.answers.jsonl` and never asked for again. Items on which the model
    fails are not in it: they count as errored, and the next run tries them again. With `settings.stop_within` the
    metrics are those of the items asked, and `acc_all_ci_low` and `acc_all_ci_high` (of the task's first pass/fail
    metric) those of all items: see bakeoff.benchmarks.early_stop.
    Raises InputError for settings that the task does not have, and as `load_rows` and the task's `items` do.
    """
    items, card = prepare(task, model_facts.of_model(model), settings)
    stop_metric = None if settings.stop_within is None else _stop_metric(task, card, items)
    path = _path(task, card, output)
    answers = Answers(output / f"{file_name(task.name, model.identity.name)}.answers.jsonl")
    asking = Asking(task, model, card, answers, report)
    asking.find(items)
    if stop_metric is None:
        asking.ask(items)
        return _finish(task, items, card, asking.records, asking.errors, path)
    asked: list[Item] = []
    for batch in early_stop.rounds(items, settings.seed):
        asking.ask(batch)
        asked += batch
        rows = _rows(task, asked, card, asking.records, asking.errors)
        scores = scores_of(rows, stop_metric)
        right = round(sum(scores))
        look = early_stop.look(right, len(scores) - right, len(asked), len(items))
        report(
            f"{task.name}: {look.asked:,} of {look.total:,} items: {stop_metric} of all of them is "
            f"{look.low:.3f} to {look.high:.3f}"
        )
        if settings.stop_within is not None and look.half_width <= settings.stop_within:
            break
    order = {item.id: i for i, item in enumerate(items)}
    asked.sort(key=lambda item: order[item.id])
    card = card | {"n": len(asked), "prompts_sha256": _prompts_hash(asked, card)}
    more = {f"{stop_metric}_all_ci_low": look.low, f"{stop_metric}_all_ci_high": look.high}
    return _finish(task, asked, card, asking.records, asking.errors, path, more)


def _stop_metric(task: Task, card: Mapping[str, Any], items: Sequence[Item]) -> str:
    """The metric that an early stop looks at. Raises InputError where the task has none, and for a wrong width."""
    if not 0 < card["stop_within"] < 0.5:
        raise InputError(f"an early stop within {card['stop_within']} is none: take a number between 0 and 0.5")
    metrics = (LETTER,) if _by_letter(task, card) else task.metrics
    binary = [metric.name for metric in metrics if metric.binary]
    if not binary or any(item.unit for item in items):
        raise InputError(f"{task.name} has no early stop: its items are not each right or wrong by themselves")
    return binary[0]


def score_records(
    task: Task, who: ModelIdentity, records: Mapping[str, Record], settings: Settings, output: Path
) -> Result:
    """As `run_task`, of answers that are there already, by item id; an item without one counts as errored."""
    items, card = prepare(task, model_facts.of_identity(who), settings)
    errors = {item.id: "there is no answer with this id" for item in items}
    return _finish(task, items, card, records, errors, _path(task, card, output))


def _path(task: Task, card: Mapping[str, Any], output: Path) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:12]
    return output / f"{file_name(task.name, card['model']['name'])}-{key}.json"


def _finish(
    task: Task,
    items: Sequence[Item],
    card: Mapping[str, Any],
    records: Mapping[str, Record],
    errors: Mapping[str, str],
    path: Path,
    more: Mapping[str, float] | None = None,
) -> Result:
    by_letter = _by_letter(task, card)
    rows = _rows(task, items, card, records, errors)
    metrics = _summarise((LETTER,) if by_letter else task.metrics, rows, items)
    read = {item.id: _read(item, by_letter, records[item.id]) for item in items if item.id in records}
    asked = [(item, read[item.id].answer) for item in items if item.id in read and read[item.id].readable]
    metrics |= summarise_figures(task.figures, asked, len(items)) | dict(more or {})
    dropped = [records[item.id].get("dropped_tokens", 0) for item in items if item.id in records]
    metrics["items_with_dropped_tokens"] = sum(count > 0 for count in dropped)
    content = {"card": card, "metrics": metrics, "rows": rows}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Result(card, metrics, path)


def _rows(
    task: Task,
    items: Sequence[Item],
    card: Mapping[str, Any],
    records: Mapping[str, Record],
    errors: Mapping[str, str],
) -> list[dict[str, Any]]:
    by_letter = _by_letter(task, card)
    read = {item.id: _read(item, by_letter, records[item.id]) for item in items if item.id in records}
    return [_row(task, item, by_letter, read.get(item.id), errors.get(item.id, "")) for item in items]


def _by_letter(task: Task, card: Mapping[str, Any]) -> bool:
    return bool(card["method"] == "generate") and not task.free_text


def file_name(benchmark: str, model: str) -> str:
    """`<benchmark>-<model>`, without characters that a file system could stumble over."""
    return f"{benchmark}-" + "".join(c if c.isalnum() or c in "-_." else "_" for c in model)


def prepare(task: Task, model: Mapping[str, Any], settings: Settings) -> tuple[list[Item], dict[str, Any]]:
    """The items to ask, and the method card; model: see bakeoff.benchmarks.model_facts. Raises as `run_task` does."""
    by_letter = settings.method == "generate" and not task.free_text
    usual = 0 if settings.method == "generate" else task.shots
    shots = usual if settings.shots is None else settings.shots
    if shots < 0 or (shots and (task.examples is None or settings.method == "generate")):
        raise InputError(f"{task.name} with method {settings.method} takes no {shots} shots: leave --shots out")
    questions = load_rows(task.questions, settings.data)
    examples = load_rows(task.examples, settings.data) if task.examples and shots else None
    everything = task.items(questions.records, examples.records if examples else [], shots)
    if by_letter and task.likelihood_only:
        raise InputError(f"{task.name} is defined by log-likelihoods alone: it has no method generate")
    items = subset(everything, settings.limit, settings.seed)
    card: dict[str, Any] = {
        "task": task.name,
        "version": task.definition.texts["version"],
        "definition_sha256": task.definition.sha256,
        "method": "generate" if task.free_text else settings.method,
        "letters_sha256": letters.DEFINITION.sha256 if by_letter else "",
        "shots": shots,
        "seed": settings.seed,
        "n": len(items),
        "items_in_data": len(everything),
        "stop_within": settings.stop_within,
        "scores": _how_scored(task, by_letter),
        "data": {"origin": questions.origin, "sha256": questions.sha256, "rows": len(questions.records)},
        "examples": {"origin": examples.origin, "sha256": examples.sha256} if examples else None,
        "model": dict(model),
        "versions": {"python": python_version()} | {package: version(package) for package in PACKAGES},
    }
    return items, card | {"prompts_sha256": _prompts_hash(items, card)}


def _how_scored(task: Task, by_letter: bool) -> dict[str, str]:
    """What each score means, its normaliser with it."""
    if by_letter:
        return dict(letters.DEFINITION.texts["scores"])
    names = [metric.name for metric in task.metrics] + [figure.name for figure in task.figures]
    said: Mapping[str, str] = task.definition.texts["scores"]
    return {score: text for score, text in said.items() if any(name.startswith(score) for name in names)}


def _prompts_hash(items: Sequence[Item], card: Mapping[str, Any]) -> str:
    by_letter = bool(card["letters_sha256"])
    asked = [letters.question_with_letters(i) if by_letter else [i.prompt, *i.choices] for i in items]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


@dataclass(frozen=True)
class _Read:
    """A record as the scores see it: why it is unreadable, if it is, and what the model gave."""

    answer: Answer
    outcome: str = "answered"
    reason: str = ""

    @property
    def readable(self) -> bool:
        return self.outcome == "answered"


def _read(item: Item, by_letter: bool, record: Record) -> _Read:
    ranking = record.get("ranking")
    answer = Answer(
        tuple(record.get("logprobs", ())), record.get("text", ""), ranking=None if ranking is None else tuple(ranking)
    )
    if record.get("finish_reason") == "content_filter":
        return _Read(answer, "filtered", "the endpoint's content filter held the answer back")
    if not by_letter:
        return _Read(answer)
    picked = letters.read_letter(answer.text, len(item.options))
    if picked is None:
        return _Read(answer, "unparsable", f"not a letter alone: {answer.text[:80]!r}")
    return _Read(replace(answer, picked=picked))


def _row(task: Task, item: Item, by_letter: bool, read: _Read | None, error: str) -> dict[str, Any]:
    """The row record of the honest-metrics contract (bakeoff.metrics.rows), with the stratum as its category."""
    row: dict[str, Any] = {
        "id": item.id,
        "category": item.stratum,
        "group": item.group,
        "cluster": hashlib.sha256(item.cluster.encode()).hexdigest()[:12] if item.cluster else "",
    }
    read = read or _Read(Answer(), "errored", error)
    scores: Mapping[str, float] = {}
    if read.readable:
        letter = {LETTER.name: float(read.answer.picked == item.answer)}
        scores = letter if by_letter else task.score(item, read.answer)
    for metric in (LETTER,) if by_letter else task.metrics:
        if metric.name in scores:
            score = scored(scores[metric.name])
        else:
            score = skipped("does not apply to this item") if read.readable else failed(read.reason)
        row |= score.fields(metric.name)
    return row | {"outcome": read.outcome}


def _summarise(metrics: Sequence[Metric], rows: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> dict[str, float]:
    """Standard errors are those of a mean, with n - 1, as in lm-evaluation-harness (`mean_stderr`).

    Where items share a passage, they and the intervals are those of clusters.
    """
    summary = count_outcomes(rows, len(rows))
    clusters = {item.id: item.cluster or item.id for item in items}
    for metric in metrics:
        summary |= summarise(rows, metric, len(rows))
        values = scores_of(rows, metric.name)
        if len(values) > 1:
            summary[f"{metric.name}_stderr"] = stdev(values) / len(values) ** 0.5
        if len(set(clusters.values())) < len(items):
            summary |= clustered_mean(metric.name, rows, clusters)
    for group in dict.fromkeys(row["group"] for row in rows if row["group"]):
        members = [row for row in rows if row["group"] == group]
        for metric in metrics:
            of_group = summarise(members, metric, len(members))
            summary |= {
                f"{metric.name}_{group}{key.removeprefix(metric.name)}": value for key, value in of_group.items()
            }
    by_stratum = [metric for metric in metrics if metric.name in ("acc", "acc_norm")]
    return summary | summarise_categories(rows, by_stratum)
