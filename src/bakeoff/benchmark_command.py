"""`bakeoff benchmark`: list the public suites, and run one on a model."""

import argparse
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(".bakeoff/benchmarks")


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("benchmark", help="run a public benchmark suite on a model")
    parser.add_argument("task", metavar="TASK", help="`list`, or a name it shows")
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
    parser.add_argument("--output", type=Path, metavar="DIR", default=OUTPUT, help=f"default: {OUTPUT}")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the verb; 0 went well, 1 when items had errors. Raises BakeoffError as `run_task` and `load_model` do."""
    from bakeoff.benchmarks.registry import find
    from bakeoff.benchmarks.run import Settings, run_task
    from bakeoff.errors import InputError
    from bakeoff.metrics.table import print_metrics
    from bakeoff.models.load import load_model

    if options.task == "list":
        return _list()
    task = find(options.task)
    if not options.model:
        raise InputError("no model is named: give --model")
    settings = Settings(options.shots, options.limit, options.seed, options.method, options.data)
    model = load_model(options.model, report=_say)
    result = run_task(task, model, settings, options.output, _say)
    card = result.card
    _say(
        f"{task.name} ({card['version']}), {card['method']}, {card['shots']} shots, "
        f"{card['n']:,} of {card['items_in_data']:,} items, seed {card['seed']}"
    )
    _say(f"{card['model']['name']} {card['model']['revision'][:12]} on {card['model']['execution_provider']}")
    print_metrics(result.metrics)
    if dropped := int(result.metrics["items_with_dropped_tokens"]):
        _say(f"{dropped} prompts did not fit into the context and lost their beginning")
    _say(f"result: {result.path}")
    return 1 if result.metrics["rows_errored"] else 0


def _list() -> int:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from bakeoff.benchmarks.registry import TASKS

    table = Table("task", "what", "shots", "files in --data", "columns", "hub", box=SIMPLE_HEAD)
    for task in TASKS.values():
        sources = [task.questions, *([task.examples] if task.examples else [])]
        table.add_row(
            task.name,
            task.summary,
            str(task.shots),
            ", ".join(" or ".join(source.names) for source in sources),
            ", ".join(task.questions.columns),
            f"{task.questions.repository}@{task.questions.revision[:7]}",
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
