"""The Azure workspace that runs are sent to: which one, and a client for it."""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError, InputError

MANAGEMENT = "https://management.azure.com/.default"
NAMES = {
    "subscription": ("--subscription", "AZUREML_ARM_SUBSCRIPTION", "subscription_id"),
    "resource_group": ("--resource-group", "AZUREML_ARM_RESOURCEGROUP", "resource_group"),
    "workspace_name": ("--workspace-name", "AZUREML_ARM_WORKSPACE_NAME", "workspace_name"),
}
"""Part -> option, environment variable (those of `pfazure`), key in config.json (as the Azure portal writes it)."""

REMEDIES = {
    401: "the login is not accepted (`az login`, and the right tenant)",
    403: "the login has no right to it (ask for the role AzureML Data Scientist)",
    404: "it does not exist (check the names)",
}


@dataclass(frozen=True)
class Workspace:
    """An Azure Machine Learning workspace or a hub-based Azure AI project."""

    subscription: str
    resource_group: str
    workspace_name: str

    def __str__(self) -> str:
        return f"{self.workspace_name} in {self.resource_group} ({self.subscription})"


def find_workspace(given: Mapping[str, str | None], start: Path) -> Workspace:
    """Each part from the command line, else the environment, else the nearest config.json from `start` upwards.

    given: values by the names in NAMES. Raises InputError that says which part is missing.
    """
    file = _config_file(start)
    configured = _read_config(file) if file else {}
    parts, missing = {}, []
    for name, (option, variable, key) in NAMES.items():
        value = given.get(name) or os.environ.get(variable) or configured.get(key)
        if value:
            parts[name] = str(value)
        else:
            missing.append(f"{option} (or {variable})")
    if missing:
        where = f", {file} does not name it" if file else ", and there is no config.json here or above"
        raise InputError(f"which Azure workspace? Missing: {', '.join(missing)}{where}")
    return Workspace(**parts)


@contextmanager
def connected(workspace: Workspace) -> Iterator[Any]:
    """A `promptflow.azure.PFClient`, after login, workspace and default datastore were found to be there.

    Raises BakeoffError that says which of them is missing and what to do.
    """
    try:
        from azure.ai.ml import MLClient
        from azure.identity import DefaultAzureCredential
        from promptflow.azure import PFClient
    except ImportError as error:
        raise BakeoffError(f"the packages for Azure are missing ({error}): pip install 'bakeoff[azure]'") from None
    for noisy in ("azure", "azure.ai.ml", "msrest"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with DefaultAzureCredential() as credential:
        _log_in(credential)
        ids = (workspace.subscription, workspace.resource_group, workspace.workspace_name)
        client = MLClient(credential, *ids, show_progress=False)
        with azure_errors(f"the workspace {workspace}"):
            client.workspaces.get(workspace.workspace_name)
        with azure_errors(f"the default datastore of the workspace {workspace}"):
            _check_datastore(client, workspace)
        with azure_errors(f"the workspace {workspace}"):
            flows = PFClient(ml_client=client)
        yield flows


@contextmanager
def azure_errors(what: str) -> Iterator[None]:
    """Turn what the Azure clients raise into BakeoffError: what was asked for, why it failed, what to do."""
    from azure.core.exceptions import AzureError, ServiceRequestError
    from promptflow.azure.operations._run_operations import RunRequestException
    from promptflow.exceptions import PromptflowException

    try:
        yield
    except ServiceRequestError as error:
        reason = "cannot be reached: check the network and the proxy"
        raise BakeoffError(f"{what} {reason}. The client said: {_first_line(error)}") from error
    except (AzureError, PromptflowException, RunRequestException) as error:
        remedy = REMEDIES.get(http_status(error) or 0, "Azure refused")
        raise BakeoffError(f"{what}: {remedy}. Azure said: {_first_line(error)}") from error


def http_status(error: BaseException | None) -> int | None:
    """The HTTP status behind an error of Prompt Flow's client, which wraps that of Azure's."""
    while error is not None:
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            return status
        if match := re.search(r"\bCode: (\d{3})\b", str(error)):
            return int(match[1])
        error = getattr(error, "inner_exception", None) or error.__cause__
    return None


def _log_in(credential: Any) -> None:
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

    try:
        credential.get_token(MANAGEMENT)
    except (ClientAuthenticationError, ServiceRequestError) as error:
        raise BakeoffError(
            "not logged in to Azure: run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET "
            f"of a service principal. Azure said: {_first_line(error)}"
        ) from None


def _check_datastore(client: Any, workspace: Workspace) -> None:
    try:
        client.datastores.get_default()
    except StopIteration:
        raise BakeoffError(
            f"the workspace {workspace} has no default datastore, where data and flows are uploaded to: set one on its "
            "page Data, Datastores"
        ) from None


def _config_file(start: Path) -> Path | None:
    """config.json, in the folder or its `.azureml`, from `start` upwards."""
    for folder in (start.resolve(), *start.resolve().parents):
        for file in (folder / "config.json", folder / ".azureml" / "config.json"):
            if file.is_file():
                return file
    return None


def _read_config(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{file} is not JSON ({error}): download it again from the workspace's page") from None
    return content if isinstance(content, dict) else {}


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
