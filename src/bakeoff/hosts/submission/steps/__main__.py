"""`python -m bakeoff.hosts.submission.steps STEP ...`, in a folder that holds the package."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bakeoff.errors import BakeoffError
from bakeoff.hosts.submission.steps.join import join
from bakeoff.hosts.submission.steps.merge import merge
from bakeoff.hosts.submission.steps.split import split


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; 0 it went well, 1 it did not (the reason is on stderr)."""
    options = vars(_parser().parse_args(arguments))
    run = options.pop("run")
    try:
        run(**options)
    except BakeoffError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bakeoff.hosts.submission.steps")
    steps = parser.add_subparsers(metavar="STEP", required=True)
    for run, folders in (
        (split, ("data", "rows")),
        (join, ("rows", "outputs", "joined")),
        (merge, ("rows", "outputs", "results")),
    ):
        step = steps.add_parser(run.__name__)
        for name in folders:
            step.add_argument(f"--{name}", type=Path, required=True)
        step.set_defaults(run=run)
    step.add_argument("--scores", type=Path)
    step.add_argument("--evaluation", type=Path)
    step.add_argument("--constants", type=json.loads, default={})
    return parser


if __name__ == "__main__":
    sys.exit(main())
