"""What a run would be: its files, its data, its settings, and the name that follows from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import InputError
from bakeoff.hosts.doctor.bundle import NOT_LOCAL, Flow, tables_of
from bakeoff.hosts.doctor.tables import READABLE, Row, read_rows
from bakeoff.hosts.experiment_key import digest
from bakeoff.hosts.submission.snapshot import FLOW_FILE, SentFile, content_digest, sent_files, stage
from bakeoff.yaml_lines import Document, mapping, read

RUN_FILE = "run.azure.yaml"
EXPECTED_ROWS = "expected_rows"


@dataclass(frozen=True)
class Data:
    """What the rows come from. table: the file with the rows; source: that file or the folder that is uploaded."""

    source: Path
    table: Path
    rows: list[Row]
    files: list[SentFile]


@dataclass(frozen=True)
class RunPlan:
    """A run that could be submitted.

    settings: the run file without flow and data, with what the command line changed. snapshot: the copy that is
    uploaded. base: name of the run whose outputs an evaluation scores.
    """

    flow: Flow
    run_file: Document
    settings: dict[str, Any]
    snapshot: Path
    files: list[SentFile]
    data: Data
    base: str | None

    @property
    def column_mapping(self) -> dict[str, Any]:
        return mapping(self.settings.get("column_mapping"))

    @property
    def name(self) -> str:
        """Letters, digits and `_`: the flow's name and a hash of all that the run depends on."""
        parts = [content_digest(self.files), content_digest(self.data.files), self.data.table.name]
        kind = "eval_" if self.base else ""
        return f"{self.flow.folder.name}_{kind}{digest([*parts, self.settings, self.base])[:12]}"


def plan_run(
    flow: Path, scratch: Path, *, data: Path | None = None, model: str | None = None, base: str | None = None
) -> RunPlan:
    """Read a flow's run.azure.yaml and copy the flow into a new folder of `scratch`.

    data: a JSON Lines file, or a folder of one with its images, in place of the run file's. model: for the flow input
    of that name. base: the run that this one evaluates. Raises InputError for a folder without a flow or run file, and
    for data that is not there.
    """
    flow = flow.resolve()
    for name, why in ((FLOW_FILE, "it is not a flow"), (RUN_FILE, "it says how the flow runs in Azure")):
        if not (flow / name).is_file():
            raise InputError(f"{flow} has no {name}: {why}")
    run_file, problems = read(flow / RUN_FILE)
    problems += (document := read(flow / FLOW_FILE))[1]
    if problems:
        raise InputError("; ".join(f"{problem.path}:{problem.line}: {problem.message}" for problem in problems))
    planned = Flow(flow, document[0])
    table = _data(run_file, data)
    settings = {key: value for key, value in run_file.value.items() if key not in ("$schema", "flow", "data")}
    changed: dict[str, Any] = {"model": model} if model else {}
    if base and EXPECTED_ROWS in planned.inputs:
        changed[EXPECTED_ROWS] = len(table.rows)
    settings["column_mapping"] = mapping(settings.get("column_mapping")) | changed
    snapshot = stage(flow, scratch / ("evaluation" if base else "base") / flow.name)
    return RunPlan(planned, run_file, settings, snapshot, sent_files(snapshot), table, base)


def _data(run_file: Document, given: Path | None) -> Data:
    """The rows of what the command line names, else the run file."""
    named = run_file.value.get("data")
    if given is None and (not isinstance(named, str) or named.startswith(NOT_LOCAL)):
        raise InputError(f"{run_file.path}: data {named!r} is no file or folder here: name one with --data")
    source = (given or run_file.path.parent / str(named)).resolve()
    if not source.exists():
        raise InputError(f"data {source} does not exist: correct the path")
    tables = tables_of(source)
    if len(tables) != 1:
        raise InputError(f"data {source}: it has to be one file of rows ({', '.join(READABLE)}), or a folder with one")
    rows, problems = read_rows(tables[0])
    if problems:
        shown = "\n  ".join(f"line {problem.line}: {problem.message}" for problem in problems[:10])
        raise InputError(f"{tables[0]} cannot be run:\n  {shown}")
    return Data(source, tables[0], rows, sent_files(source))
