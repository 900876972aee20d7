"""Run a flow and its evaluation as Prompt Flow batch runs, in child processes, with progress."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from bakeoff.catalog.progress import Report
from bakeoff.errors import BakeoffError, InputError
from bakeoff.hosts.promptflow_data import check_run
from bakeoff.hosts.promptflow_settings import home, telemetry_off
from bakeoff.hosts.worker_plan import plan_workers
from bakeoff.serving.shared_address import WORKERS

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Batch:
    """A finished batch run: its name in `pf run list`, the folder of its outputs, lines done and failed, workers."""

    name: str
    folder: Path
    completed: int
    failed: int
    workers: int

    @property
    def metrics(self) -> dict[str, float]:
        """What the aggregate node logged; empty for a flow without one."""
        path = self.folder / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def run_batch(run_file: Path, name: str, *, inputs: Mapping[str, Any], base: str | None, report: Report) -> Batch:
    """Run `pf run create` on a run.yaml under that name and wait for it.

    inputs: constant flow inputs that override the file's column mapping. base: the run whose outputs an evaluation
    scores. `report` gets the worker plan and a line for each tenth of the rows.
    Raises InputError for a run file or data that cannot be used, BakeoffError where there is no room for its model
    (see `plan_workers`) and, with what Prompt Flow said and where its log lies, for a run that did not complete.
    """
    telemetry_off()
    specification = _specification(run_file, inputs)
    rows = check_run(run_file, inputs)
    plan = plan_workers(specification, rows)
    specification["environment_variables"] = {**specification.get("environment_variables", {}), **plan.environment}
    report(f"  {plan.said}")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "run.yaml"
        file.write_text(yaml.safe_dump(specification), encoding="utf-8")
        command = [sys.executable, "-m", "promptflow._cli.pf", "run", "create", "--file", str(file), "--name", name]
        with (Path(scratch) / "output").open("w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(
                [*command, *(["--run", base] if base else [])],
                cwd=run_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUTF8": "1"},
            )
            try:
                _watch(process, home() / ".runs" / name / "flow_artifacts", rows, report)
            finally:
                _end(process)
            output.seek(0)
            return _finished(name, rows, int(plan.environment[WORKERS]), output.read())


def _specification(run_file: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The run file with absolute paths, to be run from anywhere."""
    try:
        specification = yaml.safe_load(run_file.read_text(encoding="utf-8-sig"))
        for key in ("flow", "data"):
            path = (run_file.parent / specification[key]).resolve()
            if not path.exists():
                raise InputError(f"{run_file}: {key} {path} does not exist")
            specification[key] = str(path)
    except FileNotFoundError:
        raise InputError(f"{run_file} does not exist: a flow that can be run here has a run.yaml beside it") from None
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(f"{run_file} is not a run file with `flow` and `data`: {error}") from error
    specification["column_mapping"] = specification.get("column_mapping", {}) | dict(inputs)
    return dict(specification)


def _watch(process: subprocess.Popen[bytes], artifacts: Path, rows: int, report: Report) -> None:
    """Report rows as Prompt Flow writes them down, until the process ends."""
    shown, running = 0, True
    while running:
        done = sum(1 for _ in artifacts.glob("*.jsonl")) if artifacts.is_dir() else 0
        if done * 10 // rows > shown:
            shown = done * 10 // rows
            report(f"  {done} of {rows} rows")
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
            running = False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a run that is still going, its workers too; they would go on without the command that waits for them."""
    if process.poll() is None:
        main = psutil.Process(process.pid)
        family = [main, *main.children(recursive=True)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()


def _finished(name: str, rows: int, workers: int, said: str) -> Batch:
    """Read the record of the run that `pf run create` prints last."""
    logged, _, record = f"\n{said}".rpartition("\n{\n")
    try:
        run, _ = json.JSONDecoder().raw_decode("{" + record)
        status, folder = run["status"], Path(run["properties"]["output_path"])
    except (json.JSONDecodeError, KeyError):
        raise BakeoffError(f"Prompt Flow did not start the run {name}: {_last_lines(said)}") from None
    if status != "Completed":
        raise BakeoffError(f"the run {name} is {status}: {_last_lines(logged)}\nIts log: {folder / 'logs.txt'}")
    with (folder / "outputs.jsonl").open(encoding="utf-8") as outputs:
        completed = sum(1 for line in outputs if line.strip())
    if not completed:
        raise BakeoffError(f"all {rows} rows of the run {name} failed, the first with: {_first_error(folder)}")
    return Batch(name, folder, completed, rows - completed, workers)


def _first_error(folder: Path) -> str:
    """Prompt Flow calls a run Completed even where no row is."""
    for path in sorted((folder / "flow_artifacts").glob("*.jsonl")):
        error = json.loads(path.read_text(encoding="utf-8"))["run_info"]["error"]
        if error:
            return str(error["message"])
    return f"unknown; its log is {folder / 'logs.txt'}"


def _last_lines(said: str, most: int = 12) -> str:
    return "\n".join([line for line in said.splitlines() if line.strip()][-most:])
