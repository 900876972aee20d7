"""One batch run in Azure: submit it unless it is there, wait for it, fetch its rows and metrics."""

import re
import sys
import time
from dataclasses import dataclass
from typing import Any

import yaml

from bakeoff.errors import BakeoffError
from bakeoff.experiments.progress import Progress
from bakeoff.hosts.submission.plan import RunPlan
from bakeoff.hosts.submission.workspace import azure_errors, http_status

ENDED = ("Completed", "Failed", "Canceled")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
LINES_DONE = re.compile(r"Finished (\d+) / \d+ lines")


@dataclass(frozen=True)
class CloudRun:
    """A run that is in Azure. is_new: this process submitted it."""

    name: str
    page: str
    is_new: bool


def ensure_submitted(client: Any, plan: RunPlan, *, again: bool) -> CloudRun:
    """The run of that plan, submitted now unless it exists: its name is a hash of its content, and Azure takes a name
    once, so whatever interrupts this cannot lead to a second run. again: under a new name, plan.name with a number.

    client: a `promptflow.azure.PFClient`. Raises BakeoffError for a connection that the workspace does not have and
    for what Azure refuses.
    """
    name, found = plan.name, find(client, plan.name)
    if again:
        number = 1
        while found:
            number += 1
            name = f"{plan.name}_{number}"
            found = find(client, name)
    if found:
        return CloudRun(name, _page(found), is_new=False)
    check_connections(client, plan)
    run, is_new = _submit(client, plan, name)
    return CloudRun(name, _page(run), is_new)


def find(client: Any, name: str) -> Any | None:
    """The run of that name in Azure, or None."""
    from promptflow._sdk._errors import RunNotFoundError

    with azure_errors(f"the run {name}"):
        try:
            return client.runs.get(name)
        except RunNotFoundError:
            return None


def wait(client: Any, run: CloudRun, rows: int, progress: Progress) -> None:
    """Return when the run is completed; raises BakeoffError with its error where it is not going to be.

    The run goes on in Azure when this is interrupted.
    """
    progress.start(run.name, rows, 0)
    pause, status, done = FIRST_PAUSE, "", 0
    while (now := find(client, run.name)) and now.status not in ENDED:
        if now.status != status:
            status = now.status
            progress.note(status)
        if status == "Running" and (finished := _lines_done(client, run.name)) > done:
            done = finished
            progress.update(done, 0)
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.2)
    progress.note("")
    if now is None:
        raise BakeoffError(f"the run {run.name} is no longer in the workspace: {run.page}")
    if now.status != "Completed":
        why = ((now._error or {}).get("error") or {}).get("message") or "Azure does not say why"
        raise BakeoffError(
            f"the run {run.name} is {now.status}: {_last_lines(why)}\nIts page: {run.page}\nRepair that and submit "
            "again, or repeat the same content with --again"
        )


def lines(client: Any, name: str) -> list[dict[str, Any]]:
    """Each row of a completed run, in the order of the data: `line`, `inputs`, `outputs` (None where it failed) and
    `error` (its message)."""
    with azure_errors(f"the rows of the run {name}"):
        details = client.runs._get_flow_runs_pagination(name, max_results=sys.maxsize)
    return [
        {
            "line": line["index"],
            "inputs": line["inputs"],
            "outputs": line["output"] if isinstance(line["output"], dict) else None,
            "error": (line.get("error") or {}).get("message"),
        }
        for line in sorted(details, key=lambda line: int(line["index"]))
    ]


def metrics(client: Any, name: str) -> dict[str, float]:
    """What the aggregate node of a completed run logged."""
    with azure_errors(f"the metrics of the run {name}"):
        return dict(client.runs.get_metrics(name))


def _submit(client: Any, plan: RunPlan, name: str) -> tuple[Any, bool]:
    """(the run, whether it is this call that submitted it)."""
    from promptflow._utils.flow_utils import get_flow_lineage_id
    from promptflow.client import load_run
    from promptflow.exceptions import PromptflowException

    file = plan.snapshot.parent / "run.yaml"
    named = {"name": name, "display_name": name, **({"run": plan.base} if plan.base else {})}
    content = named | plan.settings | {"name": name, "flow": str(plan.snapshot), "data": str(plan.data.source)}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    run = load_run(file)
    # A session, with its environment, is kept for a flow at a place; the copy that is sent lies elsewhere each time.
    run._lineage_id = get_flow_lineage_id(plan.flow.folder)
    with azure_errors(f"the run {name}"):
        try:
            return client.runs.create_or_update(run), True
        except PromptflowException as error:
            if http_status(error) == 409 and (there := find(client, name)):
                return there, False
            raise


def check_connections(client: Any, plan: RunPlan) -> None:
    """Raise BakeoffError for a connection that the run names and the workspace does not have."""
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    names = {value for node in (plan.settings.get("connections") or {}).values() for key, value in node.items()}
    for name in sorted(names):
        try:
            client.ml_client.connections.get(name)
        except ResourceNotFoundError:
            raise BakeoffError(
                f"the workspace has no connection {name!r}, which {plan.run_file.path} names: create it on the page "
                "Connections of Azure AI Studio or Azure ML, under this name"
            ) from None
        except HttpResponseError as error:
            if error.status_code != 403:  # who may not read connections may still run flows that use them
                raise BakeoffError(f"the connection {name!r} of the workspace: {error.message}") from error


def _lines_done(client: Any, name: str) -> int:
    """Lines done so far, from the log, which is not there before the run has begun."""
    from azure.core.exceptions import HttpResponseError

    try:
        found = LINES_DONE.findall(client.runs._get_log(name))
    except HttpResponseError:
        return 0
    return int(found[-1]) if found else 0


def _page(run: Any) -> str:
    return str(run._portal_url or "")


def _last_lines(said: str, most: int = 12) -> str:
    return "\n".join([line for line in said.splitlines() if line.strip()][-most:])
