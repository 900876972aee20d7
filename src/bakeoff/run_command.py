"""`bakeoff run`: a flow over its data, or an experiment that compares contenders and ends in a verdict."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import InputError
from bakeoff.terminal import say

if TYPE_CHECKING:
    from bakeoff.experiments.definition import Experiment
    from bakeoff.experiments.result import ExperimentResult
    from bakeoff.experiments.rows import CellRun

OUTPUT = Path(".bakeoff/experiments")


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("run", help="run a flow and score it, or compare contenders and say which to use")
    parser.add_argument("what", type=Path, metavar="WHAT", help="a folder such as flows/chat, or experiments/chat.yaml")
    parser.add_argument("--model", help="of a flow: its input `model`, a catalog name or a folder")
    parser.add_argument("--limit", type=int, metavar="N", help="of an experiment: N rows of each task")
    parser.add_argument("--repeat", type=int, metavar="K", help="of an experiment: each row K times; default: 1")
    parser.add_argument("--bless", action="store_true", help="of an experiment: later runs may not fall below this one")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"of an experiment; default: {OUTPUT}/NAME")
    parser.add_argument("--wandb", action="store_true", help="of an experiment: log it to Weights & Biases too")
    parser.add_argument("--mlflow", action="store_true", help="of an experiment: log it to MLflow too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the verb; 0 went well, 1 a gate failed. Raises InputError for options that do not go with WHAT."""
    is_experiment = options.what.suffix in (".yaml", ".yml")
    of_experiments = ("limit", "repeat", "bless", "output", "wandb", "mlflow")
    for name in of_experiments if not is_experiment else ("model",):
        if getattr(options, name):
            kind = "a flow folder" if not is_experiment else "an experiment"
            raise InputError(f"--{name} does not go with {kind}, which {options.what} is")
    for name in ("limit", "repeat"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise InputError(f"--{name} is {getattr(options, name)}: it must be 1 or more")
    return _run_experiment(options) if is_experiment else _run_flow(options)


def _run_flow(options: argparse.Namespace) -> int:
    from bakeoff.hosts.promptflow_batch import run_batch
    from bakeoff.metrics.table import print_metrics

    flow = options.what.resolve()
    evaluation = flow.parent.parent / "evaluations" / flow.name / "run.yaml"
    if (flow / "run.yaml").is_file() and not evaluation.is_file():
        raise InputError(f"{evaluation} does not exist: what scores {options.what} has its name")
    stamp = datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    say(f"running {options.what} ...")
    inputs = {"model": options.model} if options.model else {}
    base = run_batch(flow / "run.yaml", f"{flow.name}_{stamp}", inputs=inputs, base=None, report=say)
    if base.failed:
        say(f"{base.failed} rows failed in the flow and count as missing: {base.folder / 'logs.txt'}")
    say("evaluating ...")
    scored = run_batch(evaluation, f"{flow.name}_eval_{stamp}", inputs={}, base=base.name, report=say)
    print_metrics(scored.metrics)
    say(f"answers: {base.folder}\nscores:  {scored.folder}")
    return 0


def _run_experiment(options: argparse.Namespace) -> int:
    from bakeoff.experiments import tracking
    from bakeoff.experiments.definition import load_experiment
    from bakeoff.experiments.prices import Price, old_price
    from bakeoff.experiments.progress import shown_progress
    from bakeoff.hosts.experiment_run import run_experiment

    trackers = [tracker for tracker in tracking.TRACKERS if getattr(options, tracker)]
    for tracker in trackers:
        tracking.require(tracker)
    experiment = load_experiment(options.what)
    used = {contender.price for contender in experiment.contenders if isinstance(contender.price, Price)}
    for said in sorted(filter(None, (old_price(price, date.today()) for price in used))):
        say(f"warning: {said}")
    folder = options.output or OUTPUT / experiment.name
    folder.mkdir(parents=True, exist_ok=True)  # says now what is in its way
    blessed = experiment.gates.blessed if experiment.gates else None
    if options.bless and options.limit:
        raise InputError("--bless does not go with --limit: later runs over all rows would be held to those few")
    if options.bless and blessed is None:
        raise InputError(f"{options.what}: --bless needs `gates: {{blessed: FILE}}`, where to write")
    with shown_progress(say) as progress:
        result, cells = run_experiment(experiment, progress, repeats=options.repeat or 1, limit=options.limit)
    from bakeoff.experiments.gates import with_gates, write_blessed

    if options.bless and blessed:
        write_blessed(blessed, result.tasks)
        say(f"blessed: {blessed}")
    result = with_gates(result, experiment.gates)
    _write(folder, experiment, result, cells)
    _print(result)
    say(f"report: {folder / 'report.html'}")
    for tracker in trackers:
        say(f"{tracker}: {tracking.log(tracker, result, folder)}")
    return 0 if result.passed else 1


def _write(folder: Path, experiment: "Experiment", result: "ExperimentResult", cells: "Sequence[CellRun]") -> None:
    from bakeoff.experiments.junit import to_junit
    from bakeoff.experiments.markdown import to_markdown
    from bakeoff.experiments.report import to_html
    from bakeoff.experiments.result import to_json
    from bakeoff.experiments.rows_files import to_csv, to_json_lines

    for name, content in (
        ("report.html", to_html(result, experiment, cells)),
        ("result.json", to_json(result)),
        ("result.md", to_markdown(result)),
        ("rows.csv", to_csv(cells, [metric.name for metric in experiment.metrics])),
        ("rows.jsonl", to_json_lines(cells)),
        ("junit.xml", to_junit(result)),
    ):
        (folder / name).write_text(content, encoding="utf-8", newline="")


def _print(result: "ExperimentResult") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bakeoff.experiments.table import cache_text, gate_lines, header, note_lines, summary_line, table_rows

    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False)
    minutes, seconds = divmod(round(result.this_run.seconds), 60)
    for task in result.tasks:
        console.print(f"\n{summary_line(task)}    {cache_text(result)}    {minutes:02}:{seconds:02}")
        table = Table(box=SIMPLE_HEAD)
        for name in header(result, task):
            table.add_column(Text(name), justify="right" if table.columns else "left")
        for row in table_rows(task):
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        console.print(f"{task.verdict.sentence}\n")
        for line in [*note_lines(task), *gate_lines(task)]:
            console.print(line)
