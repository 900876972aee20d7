"""The `bakeoff` command: what `pf` cannot do."""

import argparse
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from bakeoff import (
    __version__,
    benchmark_command,
    catalog,
    connections_command,
    finetune_command,
    guide_command,
    index_command,
    run_command,
    serve_command,
    submit_command,
)
from bakeoff.catalog.progress import format_size
from bakeoff.catalog.tuned import tuned_folder, tuned_models
from bakeoff.errors import BakeoffError
from bakeoff.terminal import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 went well, 1 it did not (the reason is on stderr), 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name or a text may have what the terminal has not
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except BakeoffError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bakeoff", description="Which model should do this job?")
    parser.add_argument("--version", action="version", version=f"bakeoff {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    models = verbs.add_parser("models", help="the local models: list, pull, path, verify")
    actions = models.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="what there is and what is on this machine").set_defaults(run=_list)
    for name, run, help_text in (
        ("pull", _pull, "fetch a model, check it, and repair it where it is damaged"),
        ("path", _path, "print the folder of a model that is on this machine"),
        ("verify", _verify, "hash every file of a model again"),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument("name", metavar="NAME", help="a name that `bakeoff models list` shows")
        action.add_argument("--variant", help="cpu, cuda or directml, where the model has it")
        action.set_defaults(run=run)
    run_command.add_verb(verbs)
    doctor = verbs.add_parser("doctor", help="check a bundle's flows, run files and data before anything runs")
    doctor.add_argument("folder", type=Path, nargs="?", default=Path(), metavar="FOLDER", help="default: here")
    doctor.set_defaults(run=_doctor)
    index_command.add_verb(verbs)
    benchmark_command.add_verb(verbs)
    connections_command.add_verb(verbs)
    finetune_command.add_verb(verbs)
    guide_command.add_verb(verbs)
    serve_command.add_verb(verbs)
    submit_command.add_verb(verbs)
    return parser


def _list(options: argparse.Namespace) -> int:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "licence", "size", "context", "can do", "state", "revision", box=SIMPLE_HEAD)
    for model in catalog.models().values():
        table.add_row(
            model.name,
            model.entry.licence,
            model.variant.size,
            f"{model.entry.context_length:,}",
            ", ".join(model.entry.capabilities),
            catalog.state(model),
            "pinned" if model.variant.pinned else "pinned at first pull",
        )
    for tuned in tuned_models().values():
        parent = catalog.find(tuned.base).entry
        size = format_size(sum(path.stat().st_size for path in tuned.folder.iterdir()))
        state, revision = ("ready", catalog.revision(tuned.folder))
        context, can = f"{parent.context_length:,}", ", ".join(parent.capabilities)
        table.add_row(tuned.name, parent.licence, size, context, can, state, revision)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return 0


def _pull(options: argparse.Namespace) -> int:
    catalog.pull(options.name, options.variant, report=say)
    return 0


def _path(options: argparse.Namespace) -> int:
    print(tuned_folder(options.name) or catalog.resolve(catalog.find(options.name, options.variant).name))
    return 0


def _verify(options: argparse.Namespace) -> int:
    tuned = tuned_folder(options.name)
    name = options.name if tuned else catalog.find(options.name, options.variant).name
    problems = catalog.verify(tuned or name)
    for problem in problems:
        print(problem)
    again = "`bakeoff finetune` anew" if tuned else f"`bakeoff models pull {name}`"
    print(f"{name}: run {again}" if problems else f"{name}: every file is as it was made")
    return 1 if problems else 0


def _doctor(options: argparse.Namespace) -> int:
    from bakeoff.hosts.doctor import examine

    report = examine(options.folder)
    for line in report.lines():
        print(line)
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
