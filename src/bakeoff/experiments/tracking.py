"""A finished experiment in Weights & Biases or MLflow: one run for one result, however often it is logged.

What only differs in `this_run` (when it was asked, what came from the cache) is the same result and updates its run.
Where to log is what each library's own environment variables say (WANDB_MODE, WANDB_PROJECT, WANDB_API_KEY;
MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME).
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.errors import BakeoffError, InputError

if TYPE_CHECKING:  # an experiment asks for the trackers before it runs, and needs scipy only after that
    from bakeoff.experiments.result import ContenderResult, ExperimentResult, TaskResult

Tracker = Literal["wandb", "mlflow"]
TRACKERS: tuple[Tracker, ...] = ("wandb", "mlflow")
PROJECT = "bakeoff"
_RESULT = "bakeoff.result"
_LIMIT = 500  # characters of an MLflow parameter


def require(tracker: Tracker) -> None:
    """Raises InputError where the tracker's package is not installed: better before an experiment than after it."""
    if find_spec(tracker) is None:
        raise InputError(f"--{tracker} needs the package {tracker}: pip install 'bakeoff[{tracker}]'")


def log(tracker: Tracker, result: "ExperimentResult", folder: Path) -> str:
    """Log configuration, figures, tables and the files in `folder`; the name of the run.

    Raises BakeoffError where the tracker refuses or cannot be reached.
    """
    try:
        return _to_wandb(result, folder) if tracker == "wandb" else _to_mlflow(result, folder)
    except Exception as error:
        raise BakeoffError(
            f"logging to {tracker} failed: {type(error).__name__}: {error}. The result is in {folder}; the same "
            "command logs it again and asks no model anew"
        ) from error


def run_id(result: "ExperimentResult") -> str:
    """16 hexadecimal digits that say which result it is."""
    content = asdict(result) | {"this_run": None}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def figures(contender: "ContenderResult") -> dict[str, float]:
    """Every known figure of a contender by name: means with their 95 % intervals and coverage, time, memory, cost."""
    found: dict[str, float | None] = {}
    for metric in contender.metrics:
        found[metric.name] = metric.mean
        found[f"{metric.name}_ci_low"] = metric.low
        found[f"{metric.name}_ci_high"] = metric.high
        found[f"{metric.name}_coverage"] = metric.coverage
    if contender.latency:
        found |= {"latency_p50": contender.latency.p50, "latency_p95": contender.latency.p95}
    found["peak_memory_mb_approximate"] = contender.peak_memory_mb_approximate
    found["cost_per_1000"] = contender.cost.per_1000
    return {name: value for name, value in found.items() if value is not None}


def _config(result: "ExperimentResult") -> dict[str, Any]:
    return {
        "description": result.description,
        "bakeoff": result.bakeoff,
        "seed": result.seed,
        "decision": result.decision,
        "currency": result.currency,
        "tasks": {
            task.name: {"flow": task.flow, "data": task.data, "rows": task.rows, "repeats": task.repeats}
            for task in result.tasks
        },
        "contenders": {one.name: _contender(one) for task in result.tasks for one in task.contenders},
    }


def _contender(contender: "ContenderResult") -> dict[str, Any]:
    return {
        "inputs": dict(contender.inputs),
        "connections": dict(contender.connections),
        "models": list(contender.models),
        "baseline": contender.baseline,
    }


def _each(result: "ExperimentResult") -> "Iterator[tuple[TaskResult, ContenderResult]]":
    for task in result.tasks:
        yield from ((task, contender) for contender in task.contenders)


def _to_wandb(result: "ExperimentResult", folder: Path) -> str:
    import wandb

    from bakeoff.experiments.table import header, table_rows

    identity, place = run_id(result), Path(os.environ.get("WANDB_DIR", folder))
    offline = wandb.setup().settings.mode == "offline"
    if offline:  # there is no server that could resume the run
        for earlier in place.glob(f"wandb/offline-run-*-{identity}"):
            shutil.rmtree(earlier)
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        id=identity,
        name=result.experiment,
        config=_config(result),
        resume=None if offline else "allow",
        dir=place,
        settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False, x_disable_stats=True),
    )
    try:
        for task, contender in _each(result):
            run.summary.update(
                {f"{task.name}/{contender.name}/{name}": value for name, value in figures(contender).items()}
            )
        for task in result.tasks:
            run.summary[f"{task.name}/verdict"] = task.verdict.sentence
            rows = [list(row) for row in table_rows(task)]
            run.log({f"{task.name}/contenders": wandb.Table(columns=list(header(result, task)), data=rows)})
        artifact = wandb.Artifact(f"{result.experiment}-result", type="bakeoff-result")
        for path in _files(folder):
            artifact.add_file(str(path))
        run.log_artifact(artifact)
    finally:
        run.finish()
    return f"{run.project}/{run.id}"


def _to_mlflow(result: "ExperimentResult", folder: Path) -> str:
    import mlflow

    from bakeoff.experiments.table import gate_lines

    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT))
    identity = run_id(result)
    with _mlflow_run(result.experiment, identity):
        mlflow.log_dict(_config(result), "config.json")
        for task in result.tasks:
            mlflow.set_tag(_mlflow_name(f"verdict {task.name}"), task.verdict.sentence)
            gates = gate_lines(task)
            mlflow.set_tag(_mlflow_name(f"gates {task.name}"), "\n".join(gates) or "none")
        for path in _files(folder):
            mlflow.log_artifact(str(path))
        for number, (task, contender) in enumerate(_each(result)):
            with _mlflow_run(f"{task.name}: {contender.name}", f"{identity}-{number}", nested=True):
                mlflow.log_params(_mlflow_params(task, contender))
                mlflow.log_metrics({_mlflow_name(name): value for name, value in figures(contender).items()})
    return identity


def _mlflow_run(name: str, identity: str, nested: bool = False) -> Any:
    """The run that has this identity, or a new one."""
    import mlflow

    same = f"tags.`{_RESULT}` = '{identity}'"
    earlier = mlflow.search_runs(search_all_experiments=True, filter_string=same, max_results=1, output_format="list")
    if earlier:
        return mlflow.start_run(run_id=earlier[0].info.run_id, nested=nested)
    return mlflow.start_run(run_name=name, tags={_RESULT: identity}, nested=nested)


def _mlflow_params(task: "TaskResult", contender: "ContenderResult") -> dict[str, str]:
    given = {"task": task.name, "contender": contender.name, "models": ", ".join(contender.models), **contender.inputs}
    return {_mlflow_name(name): str(value)[:_LIMIT] for name, value in given.items()}


def _mlflow_name(name: str) -> str:
    """With the characters that MLflow takes in names."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
