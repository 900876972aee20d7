"""Experiment files: the checks that `bakeoff run` makes before anything runs."""

from collections.abc import Iterator

from bakeoff.errors import InputError
from bakeoff.experiments.definition import DefinitionError, load_experiment
from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle


def check(bundle: Bundle) -> Iterator[Finding]:
    """What `bakeoff run` would refuse in a file of experiments/."""
    for path in bundle.experiments:
        try:
            load_experiment(path)
        except DefinitionError as problem:
            yield from problem.findings
        except InputError as problem:
            yield error(path, 0, str(problem))
