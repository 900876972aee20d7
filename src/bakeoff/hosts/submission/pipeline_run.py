"""One pipeline in Azure ML: submit it unless it is there, wait for it, fetch its rows, scores and metrics."""

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.catalog.progress import Report
from bakeoff.errors import BakeoffError
from bakeoff.experiments.progress import Progress
from bakeoff.hosts.submission.cloud_run import ENDED, FIRST_PAUSE, LONGEST_PAUSE, check_connections
from bakeoff.hosts.submission.pipeline import PipelinePlan, build, results_uri
from bakeoff.hosts.submission.submit import Submitted, record
from bakeoff.hosts.submission.workspace import azure_errors
from bakeoff.json_file import write_json


def submit_pipeline(
    client: Any,
    plan: PipelinePlan,
    made: Mapping[str, Any],
    output: Path,
    *,
    again: bool,
    say: Report,
    progress: Progress,
) -> Submitted:
    """Submit the pipeline unless it is in Azure, wait for it and write what it gave into a folder of its name.

    client: a `promptflow.azure.PFClient`. made: the components of its steps. Files as `submit` writes them. Its name is
    a hash of its content, so whatever interrupts this, submitting the same again finds the pipeline that is there.
    Raises BakeoffError.
    """
    azure = client.ml_client
    datastore = azure.datastores.get_default().name
    found = _find(azure, plan.name)
    while again and found:
        plan = replace(plan, number=plan.number + 1)
        found = _find(azure, plan.name)
    job = found or _submit(client, plan, made, datastore)
    page = str(job.studio_url or "")
    say(f"{'already there' if found else 'submitted'}: {plan.name} {page}")
    _wait(azure, plan, page, progress)
    folder = output / plan.name
    _download(azure, results_uri(plan, datastore), folder)
    rows, failed = _count(folder / "rows.jsonl")
    progress.update(rows, failed)
    runs = {"base": record(plan.base, page)} | (
        {"evaluation": record(plan.evaluation, page)} if plan.evaluation else {}
    )
    write_json(folder / "runs.json", {plan.name: runs})
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8")) if plan.evaluation else None
    return Submitted(folder, rows, failed, metrics)


def _submit(client: Any, plan: PipelinePlan, made: Mapping[str, Any], datastore: str) -> Any:
    for run in (plan.base, plan.evaluation):
        if run:
            check_connections(client, run)
    azure = client.ml_client
    with azure_errors(f"the pipeline {plan.name}"):
        for component in made.values():
            component._id = _registered(azure, component)
        return azure.jobs.create_or_update(build(plan, made, datastore))


def _registered(azure: Any, component: Any) -> str:
    """The id of that version of the component, which is registered where it is not yet.

    A component with an id is used as it is; one without would be registered without its name.
    """
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return str(azure.components.get(component.name, component.version).id)
    except ResourceNotFoundError:
        return str(azure.components.create_or_update(component).id)


def _find(azure: Any, name: str) -> Any | None:
    from azure.core.exceptions import ResourceNotFoundError

    with azure_errors(f"the pipeline {name}"):
        try:
            return azure.jobs.get(name)
        except ResourceNotFoundError:
            return None


def _wait(azure: Any, plan: PipelinePlan, page: str, progress: Progress) -> None:
    progress.start(plan.name, 0 if plan.is_remote else len(plan.base.data.rows), 0)
    pause, status = FIRST_PAUSE, ""
    while (job := _find(azure, plan.name)) and job.status not in ENDED:
        if job.status != status:
            status = job.status
            progress.note(status)
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.2)
    progress.note("")
    if job is None or job.status != "Completed":
        state = f"is {job.status}" if job else "is no longer in the workspace"
        raise BakeoffError(f"the pipeline {plan.name} {state}: its page says which step failed and why: {page}")


def _download(azure: Any, uri: str, folder: Path) -> None:
    from azure.ai.ml._artifacts._artifact_utilities import download_artifact_from_aml_uri

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, azure_errors(f"the results at {uri}"):
        download_artifact_from_aml_uri(uri, scratch, azure.datastores)
        for path in Path(scratch).rglob("*.json*"):
            shutil.move(path, folder / path.name)
    if not (folder / "rows.jsonl").exists():
        raise BakeoffError(f"the pipeline left no rows at {uri}: see the log of its step `merge`")


def _count(rows: Path) -> tuple[int, int]:
    """(rows, how many of them have no outputs)."""
    with rows.open(encoding="utf-8") as file:
        failures = [json.loads(line)["outputs"] is None for line in file]
    return len(failures), sum(failures)
