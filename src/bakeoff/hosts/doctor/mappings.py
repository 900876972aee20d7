"""Column mappings of run files against the flow's inputs and the columns of the data.

Prompt Flow 1.18.5 fills an input that is neither mapped nor has a default from the data column of the same name
(`promptflow.batch._batch_inputs_processor`), and ignores a mapping to an input that the flow does not have.
"""

import re
from collections.abc import Iterator

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle, Flow, Run
from bakeoff.hosts.doctor.tables import Row
from bakeoff.hosts.promptflow_data import COLUMN
from bakeoff.yaml_lines import mapping

OUTPUT = re.compile(r"\$\{run\.outputs\.(.+)\}")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Unknown and missing inputs, columns that some row lacks, outputs that the scored flow does not have."""
    for run in bundle.runs:
        if run.flow and run.flow.document.value:
            yield from _unknown_inputs(run, run.flow)
            yield from _missing_inputs(bundle, run, run.flow)
            yield from _columns(bundle, run)
            yield from _outputs(bundle, run, run.flow)


def _unknown_inputs(run: Run, flow: Flow) -> Iterator[Finding]:
    known = ", ".join(map(str, flow.inputs))
    for name in run.column_mapping:
        if name not in flow.inputs:
            yield error(
                run.document.path,
                run.document.line("column_mapping", name),
                f"the flow has no input {name!r}, so this mapping is ignored: its inputs are {known}",
            )


def _missing_inputs(bundle: Bundle, run: Run, flow: Flow) -> Iterator[Finding]:
    line = run.document.line("column_mapping")
    for name, definition in flow.inputs.items():
        if name in run.column_mapping or mapping(definition).get("default") is not None:
            continue
        if "data" in run.document.value and run.data is None:
            continue
        lacking = _lacking(bundle.tables[run.data], name) if run.data else None
        if run.data is None or lacking:
            where = "there is no data"
            if run.data:
                where = f"{len(lacking or ())} rows of {bundle.shown(run.data)} have no such column"
            yield error(
                run.document.path,
                line,
                f"nothing fills the required input {name!r}: it has no default and {where}: add it to column_mapping",
            )


def _columns(bundle: Bundle, run: Run) -> Iterator[Finding]:
    for name, value in run.column_mapping.items():
        if not isinstance(value, str) or not (match := COLUMN.fullmatch(value)):
            continue
        line = run.document.line("column_mapping", name)
        if "data" not in run.document.value:
            yield error(run.document.path, line, f"{value} needs a data file: add `data:` to this run file")
        elif run.data and (lacking := _lacking(bundle.tables[run.data], match[1])):
            rows = f"{len(lacking)} of {len(bundle.tables[run.data])} rows"
            yield error(
                run.document.path,
                line,
                f"{rows} of {bundle.shown(run.data)} have no column {match[1]!r}, the first in line {lacking[0].line}: "
                "add it to them or correct the mapping",
            )


def _outputs(bundle: Bundle, run: Run, flow: Flow) -> Iterator[Finding]:
    """An evaluation scores the flow of its own name, by the convention of the bundle; else any flow may be meant."""
    others = [other for other in bundle.flows if other.folder != flow.folder]
    scored = [other for other in others if other.folder.name == flow.folder.name] or others
    if not scored or not all(other.document.value for other in scored):
        return
    for name, value in run.column_mapping.items():
        if isinstance(value, str) and (match := OUTPUT.fullmatch(value)):
            output = match[1]
            if not any(output in other.outputs for other in scored):
                folders = ", ".join(bundle.shown(other.folder) for other in scored)
                line = run.document.line("column_mapping", name)
                yield error(run.document.path, line, f"{value}: no output {output!r} in {folders}: correct the mapping")


def _lacking(rows: list[Row], column: str) -> list[Row]:
    return [row for row in rows if column not in row.values]
