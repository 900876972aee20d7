"""Files of experiments/: the checks that `bakeoff run` and `bakeoff finetune` make before anything runs."""

from collections.abc import Iterator

from bakeoff.errors import InputError
from bakeoff.experiments.definition import DefinitionError, load_experiment
from bakeoff.finding import Finding, error
from bakeoff.finetuning.definition import FileProblems, is_one, load_definition
from bakeoff.hosts.doctor.bundle import Bundle
from bakeoff.yaml_lines import read


def check(bundle: Bundle) -> Iterator[Finding]:
    """What `bakeoff run`, or of a fine-tuning file `bakeoff finetune`, would refuse in a file of experiments/."""
    for path in bundle.experiments:
        try:
            if is_one(read(path)[0].value):
                load_definition(path)
            else:
                load_experiment(path)
        except (DefinitionError, FileProblems) as problem:
            yield from problem.findings
        except InputError as problem:
            yield error(path, 0, str(problem))
