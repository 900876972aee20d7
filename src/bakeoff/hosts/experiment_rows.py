"""The rows of a task, and the rows of a contender that needs no model."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bakeoff.benchmarks.data import subset
from bakeoff.errors import InputError
from bakeoff.experiments.definition import Rule, Task
from bakeoff.hosts.promptflow_data import COLUMN, check_data


@dataclass(frozen=True)
class DataRow:
    """A row of a data file; `stratum` is the category that a limit takes its share of, and no row needs another one."""

    id: str
    values: Mapping[str, Any]
    unit: str = ""

    @property
    def stratum(self) -> str:
        return str(self.values.get("category", ""))


def read_task_rows(task: Task, limit: int | None, seed: int) -> list[DataRow]:
    """The rows that are run, in the order of the file. limit: given on the command line, before the task's own.

    Raises InputError naming the line that Prompt Flow could not run, that has no id, or an id that was there before.
    """
    types = {name: str(definition["type"]) for name, definition in task.flow.inputs.items()}
    known = {name: value for name, value in task.column_mapping.items() if name in types}
    check_data(task.data, types, known)
    rows: list[DataRow] = []
    lines: dict[str, int] = {}
    for number, text in enumerate(task.data.read_text(encoding="utf-8").split("\n"), start=1):
        if not text.strip():
            continue
        values = json.loads(text)
        given = values.get("id")
        row_id = "" if given is None else str(given)
        if not row_id:
            raise InputError(f"{task.data}, line {number}: the row has no `id`: contenders are compared row by row")
        if row_id in lines:
            raise InputError(f"{task.data}, line {number}: the id {row_id!r} is that of line {lines[row_id]} too")
        lines[row_id] = number
        rows.append(DataRow(row_id, values))
    return cast(list[DataRow], cast(Any, subset)(rows, limit or task.limit, seed))


def check_columns(task: Task, rows: Sequence[DataRow], baselines: Sequence[Mapping[str, Rule]]) -> None:
    """Raises InputError for a column that a row lacks and something after the models' answers reads.

    That is the evaluation, a baseline, or the statistics (`clusters`).
    """
    read = {m[1] for v in task.evaluation_mapping.values() if isinstance(v, str) and (m := COLUMN.fullmatch(v))}
    for row in rows:
        if lacking := sorted(read - row.values.keys()):
            raise InputError(
                f"{task.data}: row {row.id!r} has no column {lacking[0]!r}, which {task.evaluation.folder} reads"
            )
        if task.clusters and row.values.get(task.clusters) in (None, ""):
            raise InputError(f"{task.data}: row {row.id!r} has no {task.clusters!r}, the column that `clusters` names")
    for rules in baselines:
        baseline_outputs(rules, rows)


def baseline_outputs(rules: Mapping[str, Rule], rows: Sequence[DataRow]) -> list[dict[str, Any]]:
    """The outputs of each row, made by rules. Raises InputError for a column that a row lacks."""
    fixed = {
        output: _most_frequent([_column(row, rule.value) for row in rows])
        for output, rule in rules.items()
        if rule.kind == "most_frequent"
    }
    fixed |= {output: rule.value for output, rule in rules.items() if rule.kind == "constant"}
    return [
        {output: fixed[output] if output in fixed else _column(row, rule.value) for output, rule in rules.items()}
        for row in rows
    ]


def _column(row: DataRow, column: str) -> Any:
    if column not in row.values:
        raise InputError(f"row {row.id!r} has no column {column!r}, which a baseline reads")
    return row.values[column]


def _most_frequent(values: Sequence[Any]) -> Any:
    """The first of those that are there most often."""
    ((text, _),) = Counter(json.dumps(value, sort_keys=True) for value in values).most_common(1)
    return json.loads(text)
