"""All tasks and suites by the name a command gives."""

from bakeoff.benchmarks import glue, hellaswag, kilt, mmlu, super_glue, truthfulqa
from bakeoff.benchmarks.suite import Suite
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError

SUITES: dict[str, Suite] = {suite.name: suite for suite in (glue.GLUE, super_glue.SUPER_GLUE, kilt.KILT)}
TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        mmlu.LETTERS,
        mmlu.CLOZE,
        hellaswag.HELLASWAG,
        hellaswag.CARD,
        truthfulqa.CHOICE,
        truthfulqa.GENERATION,
        *(task for suite in SUITES.values() for task in suite.tasks),
    )
}


def find(name: str) -> Task:
    """The task of that name. Raises InputError with the names there are."""
    if name not in TASKS:
        raise InputError(f"there is no benchmark {name!r}: take {', '.join([*SUITES, *TASKS])}")
    return TASKS[name]
