"""`bakeoff benchmark`: list the public suites, run one on a model, and compare results."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.terminal import say

if TYPE_CHECKING:
    from bakeoff.benchmarks.run import Result

OUTPUT = Path(".bakeoff/benchmarks")


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("benchmark", help="run a public benchmark suite on a model")
    parser.add_argument("task", metavar="TASK", help="`list`, a suite or task it shows, or `compare`")
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULT", help="for compare: result files")
    parser.add_argument("--model", help="a catalog name, a folder, openai:NAME or azure:NAME")
    parser.add_argument("--shots", type=int, help="examples in the prompt; default: the task's own number")
    parser.add_argument("--limit", type=int, help="only that many items, of each subject its share")
    parser.add_argument("--seed", type=int, default=0, help="which items --limit takes; default: 0")
    parser.add_argument("--data", type=Path, metavar="DIR", help="JSON Lines or parquet; default: Hugging Face hub")
    parser.add_argument(
        "--method",
        choices=("loglikelihood", "generate"),
        default="loglikelihood",
        help="generate asks for the letter, for endpoints without log-probabilities",
    )
    parser.add_argument(
        "--stop-within",
        type=float,
        metavar="W",
        help="stop as soon as the accuracy of all items is known to W either way; wrong in at most 5 %% of runs",
    )
    parser.add_argument("--verify", action="store_true", help="is the model card's figure inside the interval?")
    parser.add_argument("--guesses", type=Path, metavar="FILE", help="KILT: score these answers instead of a model's")
    parser.add_argument("--export", type=Path, metavar="FILE", help="only write the items, for flows/multiple_choice")
    parser.add_argument("--output", type=Path, metavar="DIR", default=OUTPUT, help=f"default: {OUTPUT}")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the verb; 0 went well, 1 when items had errors. Raises BakeoffError as `run_task` and `load_model` do."""
    from bakeoff.benchmarks.export import export_items
    from bakeoff.benchmarks.kilt import read_guesses
    from bakeoff.benchmarks.published import published, verify
    from bakeoff.benchmarks.registry import SUITES, find
    from bakeoff.benchmarks.run import Settings, run_task, score_records
    from bakeoff.benchmarks.suite import run_suite
    from bakeoff.errors import InputError
    from bakeoff.models.load import load_model

    if options.task == "list":
        return _list()
    if options.task == "compare":
        return _compare(options.results)
    if options.results:
        raise InputError(f"only compare takes files: {options.results[0]}")
    suite = SUITES.get(options.task)
    task = None if suite else find(options.task)
    if suite and (options.verify or options.stop_within is not None):
        raise InputError(f"{suite.name} is several tasks: --verify and --stop-within are for one of them")
    settings = Settings(options.shots, options.limit, options.seed, options.method, options.data, options.stop_within)
    if options.guesses:
        if task is None or not task.name.startswith("kilt_"):
            raise InputError("--guesses are KILT's: name one of its tasks, such as kilt_nq")
        return _show(task.name, score_records(task, *read_guesses(options.guesses), settings, options.output))
    if options.export:
        if task is None:
            raise InputError(f"{options.task} is several tasks: export one of them")
        say(f"{export_items(task, settings, options.export)} items: {options.export}")
        return 0
    if not options.model:
        raise InputError("no model is named: give --model")
    model = load_model(options.model, report=say)
    if task is not None:
        figure = published(model.identity.name, task.name) if options.verify else None
        result = run_task(task, model, settings, options.output, say)
        code = _show(task.name, result)
        if figure:
            inside, said = verify(figure, result.card, result.metrics)
            say(said)
            code = code or int(not inside)
        return code
    assert suite is not None
    whole = run_suite(suite, model, settings, options.output, say)
    code = max(_show(name, result) for name, result in whole.results.items())
    if whole.missing:
        say(f"not run, for want of data or method: {', '.join(whole.missing)}")
    if whole.average:
        mean, low, high = (whole.average[name] for name in ("average", "average_ci_low", "average_ci_high"))
        say(f"{suite.name} average {mean:.4f} (95 %: {low:.4f} to {high:.4f})")
    elif suite.average:
        say(f"no {suite.name} average: it takes all of its tasks")
    say(f"result: {whole.path}")
    return code


def _show(name: str, result: "Result") -> int:
    """Print the result of a task; 1 where items had errors."""
    from bakeoff.benchmarks.compare import detectable
    from bakeoff.metrics.table import print_metrics

    card = result.card
    say(
        f"{name} ({card['version']}), {card['method']}, {card['shots']} shots, "
        f"{card['n']:,} of {card['items_in_data']:,} items, seed {card['seed']}"
    )
    model = card["model"]
    say(
        " ".join(
            [model["name"], model["revision"][:12], model["precision"], f"on {model['execution_provider'] or '-'}"]
        )
    )
    print_metrics(result.metrics)
    if dropped := int(result.metrics["items_with_dropped_tokens"]):
        say(f"{dropped} prompts did not fit into the context and lost their beginning")
    if told_apart := detectable(result.metrics):
        metric, difference = told_apart
        say(
            f"{card['n']:,} items: two models less than {difference:.3f} apart in {metric} can look equal "
            "(shown in 80 of 100 runs, unless their answers go together)"
        )
    say(f"result: {result.path}")
    return 1 if result.metrics["rows_errored"] else 0


def _compare(paths: list[Path]) -> int:
    """Print the results beside each other, and rank those that were measured in the same way; 1 where they were not."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from bakeoff.benchmarks.compare import comparisons, differences, main_metrics, read_results, verdict

    contenders = read_results(paths)
    table = Table("result", "task", "n", "metric", "mean (95 %)", box=SIMPLE_HEAD)
    for one in contenders:
        for metric in main_metrics(one):
            low, high = one.metrics.get(f"{metric}_ci_low"), one.metrics.get(f"{metric}_ci_high")
            interval = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
            figure = f"{one.metrics[metric]:.3f}{interval}"
            table.add_row(one.name, one.card["task"], f"{one.card['n']:,}", metric, figure)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    if different := differences(contenders):
        say("not ranked, because they were not measured in the same way:")
        for name, values in different.items():
            say(f"  {name}: {' | '.join(value if len(value) < 60 else value[:57] + '...' for value in values)}")
        return 1
    for comparison in comparisons(contenders):
        say(verdict(comparison))
    return 0


def _list() -> int:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from bakeoff.benchmarks.registry import SUITES, TASKS

    table = Table("task", "what", "shots", "files in --data", "columns", "hub", box=SIMPLE_HEAD)
    for suite in SUITES.values():
        table.add_row(suite.name, suite.summary, "", "those of its tasks", "", "")
    for task in TASKS.values():
        sources = [task.questions, *([task.examples] if task.examples else [])]
        table.add_row(
            task.name,
            task.summary,
            str(task.shots),
            ", ".join(" or ".join(source.names) for source in sources),
            ", ".join(task.questions.columns),
            f"{task.questions.repository}@{task.questions.revision[:7]}" if task.questions.repository else "-",
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return 0
