"""Fetch a model folder of an Azure ML workspace.

`azureml:NAME:VERSION` is a registered model, `azureml://datastores/NAME/paths/PATH` a folder in a datastore. Where the
address does not name the workspace (`azureml://subscriptions/...`), the variables AZUREML_ARM_SUBSCRIPTION,
AZUREML_ARM_RESOURCEGROUP and AZUREML_ARM_WORKSPACE_NAME do, which Azure ML sets on its computes. Who fetches is
DefaultAzureCredential's affair: there, the identity of the compute.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, build_opener
from xml.etree import ElementTree

from bakeoff.catalog.manifest import record
from bakeoff.catalog.progress import Report, format_size
from bakeoff.catalog.sources import Fetched
from bakeoff.errors import DownloadError

MANAGEMENT = "https://management.azure.com"
API_VERSION = "2024-10-01"
BLOB_VERSION = "2021-12-02"
VARIABLES = ("AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME")
REGISTERED = re.compile(r"azureml:([\w.-]+):([\w.-]+)")
FOLDER = re.compile(
    r"azureml://(?:subscriptions/([^/]+)/resource[gG]roups/([^/]+)/(?:providers/[^/]+/)?workspaces/([^/]+)/)?"
    r"datastores/([^/]+)/paths/(.+)"
)
HINTS = {401: "the login is not accepted", 403: "the login has no right to it", 404: "it does not exist"}


def fetch(address: str, target: Path, report: Report) -> Fetched:
    """Download the folder to `target`, which is made anew.

    Raises DownloadError: no such address, workspace not named, no login, refused, or nothing there.
    """
    tokens = _Tokens()
    uri = _uri(address, tokens)
    found = FOLDER.fullmatch(uri)
    if not found:
        raise DownloadError(f"{address} is at {uri}, which is no folder of a datastore")
    workspace = _workspace(*found.groups()[:3])
    container, query, headers = _container(workspace, found[4], tokens)
    root = found[5].strip("/")
    if target.exists():
        shutil.rmtree(target)
    names = list(_list(container, query, headers, f"{root}/"))
    if not names:
        raise DownloadError(f"there is no file below {uri}: name the folder that holds genai_config.json")
    for name, size in names:
        report(f"fetching {name.removeprefix(f'{root}/')} ({format_size(size)})")
        file = target / name.removeprefix(f"{root}/")
        if not file.resolve().is_relative_to(target.resolve()):
            raise DownloadError(f"{uri} holds {name!r}, which would be written outside of the model's folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        with _ask(f"{container}/{quote(name)}?{query}", headers) as answer, file.open("wb") as copy:
            shutil.copyfileobj(answer, copy)
        if file.stat().st_size != size:
            raise DownloadError(f"{name} ended after {file.stat().st_size:,} of {size:,} bytes: try again")
    return Fetched(
        target, {name.removeprefix(f"{root}/"): record(target / name.removeprefix(f"{root}/")) for name, _ in names}
    )


class _Tokens:
    """Authorization headers of whoever is logged in."""

    def __init__(self) -> None:
        from azure.identity import DefaultAzureCredential

        self._credential = DefaultAzureCredential()

    def header(self, resource: str) -> dict[str, str]:
        from azure.core.exceptions import ClientAuthenticationError

        try:
            token = self._credential.get_token(f"{resource}/.default").token
        except ClientAuthenticationError as error:
            reason = str(error).strip().splitlines()[0]
            raise DownloadError(f"not logged in to Azure, so the model cannot be fetched: {reason}") from None
        return {"Authorization": f"Bearer {token}"}


def _uri(address: str, tokens: _Tokens) -> str:
    """Where the model lies, as an `azureml://` address."""
    if address.startswith("azureml://"):
        return address
    found = REGISTERED.fullmatch(address)
    if not found:
        raise DownloadError(f"{address} is no address of a model: azureml:NAME:VERSION or azureml://datastores/...")
    url = f"{MANAGEMENT}{_workspace()}/models/{found[1]}/versions/{found[2]}?api-version={API_VERSION}"
    return str(_json(url, tokens.header(MANAGEMENT))["properties"]["modelUri"])


def _workspace(*given: str | None) -> str:
    parts = [value or os.environ.get(name) for value, name in zip(given or (None,) * 3, VARIABLES, strict=True)]
    if None in parts or "" in parts:
        raise DownloadError(f"which Azure ML workspace has the model? Set {', '.join(VARIABLES)}")
    subscription, group, workspace = parts
    provider = "providers/Microsoft.MachineLearningServices"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/workspaces/{workspace}"


def _container(workspace: str, datastore: str, tokens: _Tokens) -> tuple[str, str, dict[str, str]]:
    """(address of the container, query and headers that open it); the query is a secret."""
    management = tokens.header(MANAGEMENT)
    url = f"{MANAGEMENT}{workspace}/datastores/{datastore}"
    store = _json(f"{url}?api-version={API_VERSION}", management)["properties"]
    if "containerName" not in store:
        raise DownloadError(f"the datastore {datastore} is of type {store.get('datastoreType')}: it has to be blobs")
    address = f"https://{store['accountName']}.blob.{store.get('endpoint') or 'core.windows.net'}"
    headers = {"x-ms-version": BLOB_VERSION}
    secrets = _json(f"{url}/listSecrets?api-version={API_VERSION}", management, body={})
    if secrets.get("secretsType") == "Sas":
        return f"{address}/{store['containerName']}", str(secrets["sasToken"]).lstrip("?"), headers
    return f"{address}/{store['containerName']}", "", headers | tokens.header("https://storage.azure.com")


def _list(container: str, query: str, headers: dict[str, str], prefix: str) -> Iterator[tuple[str, int]]:
    """Name and size in bytes of each blob."""
    marker = ""
    while True:
        asked = urlencode({"restype": "container", "comp": "list", "prefix": prefix, "marker": marker})
        with _ask(f"{container}?{asked}&{query}", headers) as answer:
            page = ElementTree.fromstring(answer.read())
        for blob in page.iterfind("Blobs/Blob"):
            yield blob.findtext("Name") or "", int(blob.findtext("Properties/Content-Length") or 0)
        marker = page.findtext("NextMarker") or ""
        if not marker:
            return


def _json(url: str, headers: dict[str, str], body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with _ask(url, headers | {"Content-Type": "application/json"}, data) as answer:
        return dict(json.loads(answer.read()))


def _ask(url: str, headers: dict[str, str], data: bytes | None = None) -> Any:
    place = url.partition("?")[0]
    try:
        return build_opener().open(Request(url, data, headers), timeout=60)  # with the proxy of now
    except HTTPError as error:
        raise DownloadError(f"{place}: {HINTS.get(error.code, f'HTTP {error.code}')}") from None
    except (URLError, TimeoutError) as error:
        raise DownloadError(f"{place} cannot be reached: {getattr(error, 'reason', error)}") from None
