"""All tasks by the name a command gives."""

from bakeoff.benchmarks import hellaswag, mmlu, truthfulqa
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError

TASKS: dict[str, Task] = {
    task.name: task
    for task in (mmlu.LETTERS, mmlu.CLOZE, hellaswag.HELLASWAG, truthfulqa.CHOICE, truthfulqa.GENERATION)
}


def find(name: str) -> Task:
    """The task of that name. Raises InputError with the names there are."""
    if name not in TASKS:
        raise InputError(f"there is no benchmark {name!r}: take {', '.join(TASKS)}")
    return TASKS[name]
