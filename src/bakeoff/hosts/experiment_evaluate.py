"""Score the rows of a cell by the task's evaluation flow, in one Prompt Flow run over data and outputs side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bakeoff.catalog.progress import silent
from bakeoff.errors import BakeoffError
from bakeoff.experiments.definition import ROW, Flow, Task
from bakeoff.hosts.experiment_cell import experiments_cache, read_lines, run_name
from bakeoff.hosts.experiment_images import from_anywhere
from bakeoff.hosts.experiment_key import digest, endpoint_of, flow_digest
from bakeoff.hosts.experiment_rows import DataRow
from bakeoff.hosts.promptflow_batch import run_batch
from bakeoff.json_file import write_json

OUTPUT = "run_output_"
EXPECTED = "expected_rows"


@dataclass(frozen=True)
class Evaluated:
    """Records by row id, what the evaluation flow logged, and why rows have no record, by row id too."""

    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)


def evaluate(task: Task, name: str, rows: Sequence[DataRow], outputs: Mapping[str, Mapping[str, Any]]) -> Evaluated:
    """What the task's evaluation flow says of the rows that have outputs.

    The evaluation is told how many rows there are, so that those without outputs count as missing. It runs anew only
    where the evaluation flow, the rows or the outputs are not those of an earlier run, or a row had no record there.
    Without any outputs there is nothing to run. name: part of the run's name. Where the task has a `Check`, its
    labelled rows are judged too, and scores of a judge that is unfit for their criterion are not used. Raises
    BakeoffError where a run does not complete.
    """
    merged = [
        {**row.values, "id": row.id, **{f"{OUTPUT}{key}": value for key, value in outputs[row.id].items()}}
        for row in rows
        if row.id in outputs
    ]
    if not merged:
        return Evaluated()
    mapping = {key: _from_data(value) for key, value in task.evaluation_mapping.items()}
    if EXPECTED in task.evaluation.inputs:
        mapping[EXPECTED] = len(rows)
    content = _scored(task, task.evaluation, name, mapping, merged, task.data.parent)
    if task.check is None:
        return Evaluated(content["records"], content["metrics"], content["failures"])
    from bakeoff.metrics.judge_fit import agreement_figures, without_unfit

    check = task.check
    labelled = [json.loads(line) for line in check.data.read_text(encoding="utf-8").split("\n") if line.strip()]
    checked = _scored(task, check.flow, f"{name}_check", check.mapping, labelled, check.data.parent)["metrics"]
    records: dict[str, Mapping[str, Any]]
    records = {row_id: without_unfit(record, checked) for row_id, record in content["records"].items()}
    return Evaluated(records, content["metrics"] | agreement_figures(checked), content["failures"])


def _scored(
    task: Task, flow: Flow, name: str, mapping: Mapping[str, Any], merged: Sequence[Mapping[str, Any]], base: Path
) -> dict[str, Any]:
    """`run`, `records`, `metrics` and `failures` of an evaluation flow on these rows; from the cache if it has all."""
    names = sorted({name for node in task.evaluation_connections.values() for name in node.values()})
    depends = {
        "flow": flow_digest(flow),
        "mapping": mapping,
        "environment": task.evaluation_environment,
        "connections": task.evaluation_connections,
        "endpoints": {name: endpoint_of(name) for name in names},
        "rows": merged,
    }
    folder = experiments_cache() / "evaluations" / digest(depends)[:24]
    scored = folder / "scored.json"
    if scored.exists():
        kept: dict[str, Any] = json.loads(scored.read_text(encoding="utf-8"))
        if len(kept["records"]) == len(merged):
            return kept | {"failures": {}}
    _prepare(folder, task, flow, mapping, merged, base)
    content = _run(folder, name, merged)
    write_json(scored, content)
    return content


def _prepare(
    folder: Path,
    task: Task,
    flow: Flow,
    mapping: Mapping[str, Any],
    merged: Sequence[Mapping[str, Any]],
    base: Path,
) -> None:
    """Write what the run is given."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = (from_anywhere(row, base) for row in merged)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "data.jsonl").write_text("".join(lines), encoding="utf-8")
    specification = {
        "flow": str(flow.folder),
        "data": "data.jsonl",
        "column_mapping": dict(mapping),
        "environment_variables": dict(task.evaluation_environment),
        "connections": {node: dict(given) for node, given in task.evaluation_connections.items()},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(specification), encoding="utf-8")


def _run(folder: Path, name: str, merged: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    run = run_name(name, "scored")
    try:
        batch = run_batch(folder / "run.yaml", run, inputs={}, base=None, report=silent)
    finally:
        (folder / "run.yaml").unlink(missing_ok=True)  # its environment may hold a key
    records, failures = {}, {}
    for line in read_lines(run):
        record, row_id = (line.output or {}).get(ROW), str(merged[line.number]["id"])
        if isinstance(record, dict):
            records[row_id] = record | {"id": row_id}
        else:
            failures[row_id] = f"the evaluation failed: {line.error or f'it gave no `{ROW}`'}"
    if not records:
        raise BakeoffError(f"the evaluation run {run} gave no `{ROW}` for any row: {batch.folder / 'logs.txt'}")
    return {"run": run, "records": records, "metrics": batch.metrics, "failures": failures}


def _from_data(value: Any) -> Any:
    """`${run.outputs.x}` as the column of the merged rows."""
    return value.replace("${run.outputs.", "${data." + OUTPUT) if isinstance(value, str) else value
