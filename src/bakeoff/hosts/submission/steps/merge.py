"""The last step: rows and scores in the order of the data, and the metrics of the whole."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError, InputError
from bakeoff.hosts.submission.steps.line_files import LINE_NUMBER, ROWS_FILE, FlowOutputs, line_of, read_lines

FLOW_FILE = "flow.dag.yaml"
EXPECTED_ROWS = "expected_rows"
NO_OUTPUTS = "its mini-batch failed: see the log of the parallel step"


def merge(
    rows: Path,
    outputs: Path,
    results: Path,
    scores: Path | None = None,
    evaluation: Path | None = None,
    constants: Mapping[str, Any] | None = None,
) -> None:
    """Write rows.jsonl (`line`, `inputs`, `outputs`, `error`) and, with scores, scores.jsonl and metrics.json.

    The metrics are those that the evaluation's own aggregate node gives for the scores of all rows at once, as in a run
    that was never split. evaluation: its folder. constants: what its column mapping gives inputs that are the same for
    every row. Needs memory for all scores. Raises BakeoffError where no row was scored.
    """
    results.mkdir(parents=True, exist_ok=True)
    total = sum(1 for _ in _written(results / "rows.jsonl", rows, outputs))
    if scores and evaluation:
        scored = (given for given in _written(results / "scores.jsonl", rows, scores) if given is not None)
        metrics = aggregate(evaluation, scored, {**(constants or {}), EXPECTED_ROWS: total})
        (results / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")


def _written(path: Path, rows: Path, outputs: Path) -> Iterator[dict[str, Any] | None]:
    """The outputs of each row, when it has been written down with them."""
    with FlowOutputs(outputs) as found, path.open("w", encoding="utf-8") as target:
        for row in read_lines(rows / ROWS_FILE):
            line = row.pop(LINE_NUMBER)
            given = found.of(line)
            error = NO_OUTPUTS if given is None else None
            target.write(line_of({"line": line, "inputs": row, "outputs": given, "error": error}))
            yield given


def aggregate(evaluation: Path, scores: Iterator[Mapping[str, Any]], constants: Mapping[str, Any]) -> dict[str, float]:
    """What the aggregate nodes of the flow in that folder log for these outputs of its rows.

    constants: values of flow inputs. Raises InputError where a node wants what no output of the flow gives, and
    BakeoffError where there are no scores.
    """
    from promptflow.contracts.flow import Flow
    from promptflow.executor import FlowExecutor

    flow = Flow.from_yaml(Path(FLOW_FILE), working_dir=evaluation)
    columns = aggregation_columns(flow)
    values: dict[str, list[Any]] = {reference: [] for reference in columns}
    number = 0
    for row in scores:
        number += 1
        for reference, output in columns.items():
            values[reference].append(row[output])
    if not number:
        raise BakeoffError("no row was scored: see the log of the evaluation's parallel step")
    executor = FlowExecutor.create(Path(FLOW_FILE), {}, working_dir=evaluation)
    # It would want a value for every row of every flow input, those of the other nodes as well.
    executor._flow.inputs = inputs = {name: flow.inputs[name] for name in aggregation_inputs(flow)}
    given = {name: [constants.get(name, definition.default)] * number for name, definition in inputs.items()}
    return dict(executor.exec_aggregation(given, values).metrics)


def aggregation_inputs(flow: Any) -> set[str]:
    """Flow inputs that the aggregate nodes take. flow: a `promptflow.contracts.flow.Flow`."""
    values = [value for node in flow.nodes if node.aggregation for value in node.inputs.values()]
    return {str(value.value) for value in values if value.value_type.name == "FLOW_INPUT"}


def aggregation_columns(flow: Any) -> dict[str, str]:
    """What the aggregate nodes take from other nodes -> the flow output that has it for each row.

    flow: a `promptflow.contracts.flow.Flow`. Raises InputError for what no output has.
    """
    from promptflow._utils.execution_utils import get_aggregation_inputs_properties

    outputs = {definition.reference.serialize(): name for name, definition in flow.outputs.items()}
    columns = {}
    for reference in sorted(get_aggregation_inputs_properties(flow)):
        if reference not in outputs:
            raise InputError(f"an aggregate node wants {reference}: give the flow an output with this reference")
        columns[reference] = outputs[reference]
    return columns
