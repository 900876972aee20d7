"""Score the rows of a cell by the task's evaluation flow, in one Prompt Flow run over data and outputs side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bakeoff.catalog.progress import silent
from bakeoff.errors import BakeoffError
from bakeoff.experiments.definition import ROW, Task
from bakeoff.hosts.experiment_cell import experiments_cache, read_lines, run_name, write_json
from bakeoff.hosts.experiment_images import from_anywhere
from bakeoff.hosts.experiment_key import digest, flow_digest
from bakeoff.hosts.experiment_rows import DataRow
from bakeoff.hosts.promptflow_batch import run_batch

OUTPUT = "run_output_"
EXPECTED = "expected_rows"


def evaluate(
    task: Task, name: str, rows: Sequence[DataRow], outputs: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, float]]:
    """(record by row id, logged metrics) of the rows that have outputs.

    The evaluation is told how many rows there are, so that those without outputs count as missing. It runs anew only
    where the evaluation flow, the rows or the outputs are not those of an earlier run. Without any outputs there is
    nothing to run. name: part of the run's name. Raises BakeoffError where the run does not complete.
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
    flow = flow_digest(task.evaluation)
    folder = experiments_cache() / "evaluations" / digest([flow, mapping, task.evaluation_environment, merged])[:24]
    scored = folder / "scored.json"
    if not scored.exists():
        write_json(_prepared(folder, task, mapping, merged), _run(folder, name, merged))
    content = json.loads(scored.read_text(encoding="utf-8"))
    return content["records"], content["metrics"]


def _prepared(folder: Path, task: Task, mapping: Mapping[str, Any], merged: Sequence[Mapping[str, Any]]) -> Path:
    """Write what the run is given; the path of what it will give."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = (from_anywhere(row, task.data.parent) for row in merged)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "data.jsonl").write_text("".join(lines), encoding="utf-8")
    specification = {
        "flow": str(task.evaluation.folder),
        "data": "data.jsonl",
        "column_mapping": dict(mapping),
        "environment_variables": dict(task.evaluation_environment),
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(specification), encoding="utf-8")
    return folder / "scored.json"


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
