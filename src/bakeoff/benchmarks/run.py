"""Run a benchmark task on a model: ask, journal, score, summarise, and say exactly what was measured."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import stdev
from typing import Any, Literal

from bakeoff.benchmarks import letters
from bakeoff.benchmarks.data import load_rows, subset
from bakeoff.benchmarks.figures import clustered_mean, summarise_figures
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.journal import Journal
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import BakeoffError, InputError
from bakeoff.metrics.rows import failed, scored, scores_of, skipped
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories
from bakeoff.models.base import ChatModel, Message, ModelIdentity, Parameters

Method = Literal["loglikelihood", "generate"]
LETTER = Metric("acc", 1, binary=True)
LETTER_PARAMETERS = Parameters(max_new_tokens=16)
SECONDS_BETWEEN_REPORTS = 5.0
PACKAGES = ("bakeoff", "onnxruntime", "onnxruntime-genai", "numpy")


@dataclass(frozen=True)
class Settings:
    """What a person chooses. shots None: the task's usual number; limit None: all items; data None: the hub."""

    shots: int | None = None
    limit: int | None = None
    seed: int = 0
    method: Method = "loglikelihood"
    data: Path | None = None


@dataclass(frozen=True)
class Result:
    """card: what was measured, on what, how. metrics: as bakeoff.metrics.summary writes them, and `_stderr`."""

    card: Mapping[str, Any]
    metrics: Mapping[str, float]
    path: Path


def run_task(task: Task, model: ChatModel, settings: Settings, output: Path, report: Callable[[str], None]) -> Result:
    """Run the task, or what is left of it, and write `<output>/<task>-<model>-<hash>.json`.

    The journal of the answers lies beside it, one record an item in the order of their prompts, so that prefixes are
    shared. Items on which the model fails are not in it: they count as errored, and the next run tries them again.
    Raises InputError for settings that the task does not have, and as `load_rows` and the task's `items` do.
    """
    items, card = prepare(task, model.identity, settings)
    path = _path(task, card, output)
    journal = Journal(path.with_suffix(".jsonl"))
    records = journal.read()
    errors = _answer(task, model, items, settings.method, journal, records, report)
    return _finish(task, items, card, records, errors, path)


def score_records(
    task: Task, who: ModelIdentity, records: Mapping[str, Mapping[str, Any]], settings: Settings, output: Path
) -> Result:
    """As `run_task`, of answers that are there already, by item id; an item without one counts as errored."""
    items, card = prepare(task, who, settings)
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
    records: Mapping[str, Mapping[str, Any]],
    errors: Mapping[str, str],
    path: Path,
) -> Result:
    by_letter = card["method"] == "generate" and not task.free_text
    read = {item.id: _read(item, by_letter, records[item.id]) for item in items if item.id in records}
    rows = [_row(task, item, by_letter, read.get(item.id), errors.get(item.id, "")) for item in items]
    metrics = _summarise((LETTER,) if by_letter else task.metrics, rows, items)
    asked = [(item, read[item.id].answer) for item in items if item.id in read and read[item.id].readable]
    metrics |= summarise_figures(task.figures, asked, len(items))
    metrics["items_with_dropped_tokens"] = sum(record.get("dropped_tokens", 0) > 0 for record in records.values())
    content = {"card": card, "metrics": metrics, "rows": rows}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Result(card, metrics, path)


def file_name(benchmark: str, model: str) -> str:
    """`<benchmark>-<model>`, without characters that a file system could stumble over."""
    return f"{benchmark}-" + "".join(c if c.isalnum() or c in "-_." else "_" for c in model)


def prepare(task: Task, who: ModelIdentity, settings: Settings) -> tuple[list[Item], dict[str, Any]]:
    """The items to ask, and the method card. Raises as `run_task` does."""
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
    asked = [letters.question_with_letters(i) if by_letter else [i.prompt, *i.choices] for i in items]
    card = {
        "task": task.name,
        "version": task.definition.texts["version"],
        "definition_sha256": task.definition.sha256,
        "method": "generate" if task.free_text else settings.method,
        "letters_sha256": letters.DEFINITION.sha256 if by_letter else "",
        "shots": shots,
        "seed": settings.seed,
        "n": len(items),
        "items_in_data": len(everything),
        "prompts_sha256": hashlib.sha256(json.dumps(asked).encode()).hexdigest(),
        "data": {"origin": questions.origin, "sha256": questions.sha256, "rows": len(questions.records)},
        "examples": {"origin": examples.origin, "sha256": examples.sha256} if examples else None,
        "model": asdict(who),
        "versions": {package: version(package) for package in PACKAGES},
    }
    return items, card


def _answer(
    task: Task,
    model: ChatModel,
    items: Sequence[Item],
    method: Method,
    journal: Journal,
    records: dict[str, Mapping[str, Any]],
    report: Callable[[str], None],
) -> dict[str, str]:
    """Ask the items that have no record yet, add theirs, and return what went wrong by item id."""
    left = sorted((item for item in items if item.id not in records), key=lambda item: item.prompt)
    if len(left) < len(items):
        report(f"{task.name}: {len(items) - len(left)} of {len(items)} items are answered already: {journal.path}")
    errors: dict[str, str] = {}
    started = reported = time.monotonic()
    for done, item in enumerate(left, 1):
        try:
            record = {"id": item.id, **_ask(task, model, item, method)}
            journal.append(record)
            records[item.id] = record
        except BakeoffError as error:
            errors[item.id] = str(error)
        now = time.monotonic()
        if now - reported >= SECONDS_BETWEEN_REPORTS or done == len(left):
            reported = now
            remaining = (now - started) / done * (len(left) - done)
            report(
                f"{task.name}: {done + len(items) - len(left)} of {len(items)} items, {_clock(now - started)}, "
                f"about {_clock(remaining)} left" + (f", {len(errors)} errors" if errors else "")
            )
    return errors


def _ask(task: Task, model: ChatModel, item: Item, method: Method) -> dict[str, Any]:
    if method == "loglikelihood" and not task.free_text:
        scores = model.loglikelihood(item.prompt, item.choices, overflow="truncate")
        return {
            "logprobs": [score.logprob for score in scores],
            "dropped_tokens": max(score.dropped_tokens for score in scores),
        }
    text, parameters = item.prompt, Parameters(max_new_tokens=task.max_new_tokens, stop=task.stop)
    if not task.free_text:
        text, parameters = letters.question_with_letters(item), LETTER_PARAMETERS
    completion = model.complete([Message("user", text)], parameters)
    if completion.finish_reason == "error":
        raise BakeoffError(completion.error or "the model gave no answer")
    return {"text": completion.text, "finish_reason": completion.finish_reason}


@dataclass(frozen=True)
class _Read:
    """A record as the scores see it: why it is unreadable, if it is, and what the model gave."""

    answer: Answer
    outcome: str = "answered"
    reason: str = ""

    @property
    def readable(self) -> bool:
        return self.outcome == "answered"


def _read(item: Item, by_letter: bool, record: Mapping[str, Any]) -> _Read:
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
    row: dict[str, Any] = {"id": item.id, "category": item.stratum, "group": item.group}
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


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
