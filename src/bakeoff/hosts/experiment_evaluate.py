"""Score the rows of a cell by the task's evaluation flow, in one Prompt Flow run over data and outputs side by side."""

import json
from collections.abc import Mapping, Sequence
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


def evaluate(
    task: Task, name: str, rows: Sequence[DataRow], outputs: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, float]]:
    """(record by row id, logged metrics) of the rows that have outputs.

    The evaluation is told how many rows there are, so that those without outputs count as missing. It runs anew only
    where the evaluation flow, the rows or the outputs are not those of an earlier run. Without any outputs there is
    nothing to run. name: part of the run's name. Where the task has a `Check`, its labelled rows are judged too, and
    scores of a judge that is unfit for their criterion are not used. Raises BakeoffError where a run does not complete.
    """
    merged = [
        {**row.values, "id": row.id, **{f"{OUTPUT}{key}": value for key, value in outputs[row.id].items()}}
        for row in rows
        if row.id in outputs
    ]
    if not merged:
        return {}, {}
    mapping = {key: _from_data(value) for key, value in task.evaluation_mapping.items()}
    if EXPECTED in task.evaluation.inputs:
        mapping[EXPECTED] = len(rows)
    content = _scored(task, task.evaluation, name, mapping, merged, task.data.parent)
    if task.check is None:
        return content["records"], content["metrics"]
    from bakeoff.metrics.judge_fit import agreement_figures, without_unfit

    check = task.check
    labelled = [json.loads(line) for line in check.data.read_text(encoding="utf-8").split("\n") if line.strip()]
    checked = _scored(task, check.flow, f"{name}_check", check.mapping, labelled, check.data.parent)["metrics"]
    records: dict[str, Mapping[str, Any]]
    records = {row_id: without_unfit(record, checked) for row_id, record in content["records"].items()}
    return records, content["metrics"] | agreement_figures(checked)


def _scored(
    task: Task, flow: Flow, name: str, mapping: Mapping[str, Any], merged: Sequence[Mapping[str, Any]], base: Path
) -> dict[str, Any]:
    """`run`, `records` and `metrics` of an evaluation flow on these rows, from the cache where it is there."""
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
    if not scored.exists():
        _prepare(folder, task, flow, mapping, merged, base)
        write_json(scored, _run(folder, name, merged))
    content: dict[str, Any] = json.loads(scored.read_text(encoding="utf-8"))
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
    batch = run_batch(folder / "run.yaml", run, inputs={}, base=None, report=silent)
    records = {}
    for line in read_lines(run):
        record = (line.output or {}).get(ROW)
        if isinstance(record, dict):
            row_id = str(merged[line.number]["id"])
            records[row_id] = record | {"id": row_id}
    if not records:
        raise BakeoffError(f"the evaluation run {run} gave no `{ROW}` for any row: {batch.folder / 'logs.txt'}")
    return {"run": run, "records": records, "metrics": batch.metrics}


def _from_data(value: Any) -> Any:
    """`${run.outputs.x}` as the column of the merged rows."""
    return value.replace("${run.outputs.", "${data." + OUTPUT) if isinstance(value, str) else value
