"""Azure as the clients of a batch run see it, on this machine: Azurite for blobs, a control plane, a compute that
executes what was uploaded, a model endpoint, and a proxy that lets nothing through to anywhere else.
"""

import json
import secrets
import shutil
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
    generate_container_sas,
)
from azurite import azurite
from cloud_assets import Assets
from cloud_certificate import Certificate, certificate
from cloud_pipelines import Pipelines
from cloud_proxy import Proxy, proxy
from cloud_runs import Compute, compute_environment
from control_plane import GROUP, HOSTS, SCOPE, SECRET, SUBSCRIPTION, TENANT, WORKSPACE, ControlPlane, serving
from endpoint import Endpoint, endpoint
from promptflow._constants import LAST_CHECK_TIME, PF_VERSION_CHECK
from warm_python import Done, WarmPython, warm_python

ROOT = Path(__file__).parents[2]
ACCOUNT, CONTAINER = "bakeofftests", "azureml-blobstore"
STORAGE = f"{ACCOUNT}.blob.core.windows.net"
CLIENT = (
    "promptflow.azure._cli.entry",
    "promptflow.azure",
    "azure.ai.ml",
    "azure.identity",
    "bakeoff.cli",
    "bakeoff.hosts.submission.checks",
    "bakeoff.hosts.submission.submit",
)
"""What a client imports before it is asked anything."""


@dataclass
class Cloud:
    """client: has a login and the workspace's names in its environment, and reaches this cloud only. bundle: a copy of
    this project's flows and of what belongs to them, where nothing but this cloud's clients runs."""

    plane: ControlPlane
    compute: Compute
    pipelines: Pipelines
    proxy: Proxy
    endpoint: Endpoint
    client: WarmPython
    folder: Path
    bundle: Path

    def pfazure(self, *arguments: str | Path) -> str:
        """What `pfazure` prints; it has to succeed."""
        done = self.client.run("promptflow.azure._cli.entry", arguments, {}, self.bundle)
        assert done.status == 0, done.said
        return done.said

    def bakeoff(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """Run `bakeoff`; env: changes to its environment."""
        return self.client.run("bakeoff.cli", arguments, env or {}, self.bundle)


@contextmanager
def loopback_cloud(folder: Path) -> Iterator[Cloud]:
    """Serve until the end of the block; skips the test where there is no npm."""
    hosts = [*HOSTS, STORAGE]
    pem = certificate(folder, [*hosts, "localhost"])
    key = b64encode(secrets.token_bytes(32)).decode()
    with azurite(ACCOUNT, key, pem) as storage_port, endpoint() as models:
        home = _prompt_flow_home(folder / "compute_home")
        expiry = datetime.now(UTC) + timedelta(hours=6)
        service = _blob_service(f"https://localhost:{storage_port}/{ACCOUNT}", key, expiry, pem)
        blobs = service.create_container(CONTAINER)
        compute = Compute(folder / "compute", home, {}, blobs, pem.authority)
        sas = generate_container_sas(ACCOUNT, CONTAINER, account_key=key, permission="racwdl", expiry=expiry)
        plane = ControlPlane(compute, ACCOUNT, CONTAINER, sas)
        pipelines = Pipelines(compute, service, _connections(models))
        plane.assets = Assets(SCOPE, STORAGE, key, service, expiry, pipelines.submit, pipelines.status)
        pipelines.assets = plane.assets
        ports = {STORAGE: storage_port}
        with closing(compute), serving(plane, pem), proxy(ports | {host: plane.port for host in HOSTS}) as gate:
            identity = {
                "AZURE_TENANT_ID": TENANT,
                "AZURE_CLIENT_ID": "66666666-6666-6666-6666-666666666666",
                "AZURE_CLIENT_SECRET": SECRET,
                "AZUREML_ARM_SUBSCRIPTION": SUBSCRIPTION,
                "AZUREML_ARM_RESOURCEGROUP": GROUP,
                "AZUREML_ARM_WORKSPACE_NAME": WORKSPACE,
            }
            compute.environment = compute_environment(home, gate.url, pem.authority) | identity
            _register_connection(compute, models)
            client_home = _prompt_flow_home(folder / "client_home")
            environment = compute_environment(client_home, gate.url, pem.authority) | identity
            with warm_python(sys.executable, CLIENT, environment) as client:
                yield Cloud(plane, compute, pipelines, gate, models, client, folder, _bundle(folder / "bundle"))


def _blob_service(address: str, key: str, expiry: datetime, pem: Certificate) -> BlobServiceClient:
    """Its addresses of blobs are signed: who has one needs nothing else."""
    everything = ResourceTypes(service=True, container=True, object=True)
    permission = AccountSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True)
    signature = generate_account_sas(ACCOUNT, key, everything, permission, expiry)
    return BlobServiceClient(address, credential=signature, connection_verify=str(pem.authority))


def _bundle(folder: Path) -> Path:
    for part in ("connections", "data", "evaluations", "flows", "src/bakeoff"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".promptflow"))
    return folder


def _prompt_flow_home(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pf.yaml").write_text("telemetry: {enabled: false}\ntrace: {destination: none}\n", encoding="utf-8")
    # Every few days Prompt Flow asks the package index for a newer version of itself.
    asked = json.dumps({LAST_CHECK_TIME: f"{datetime.now():%Y-%m-%d %H:%M:%S.%f}"})
    (folder / PF_VERSION_CHECK).write_text(asked, encoding="utf-8")
    return folder


def _register_connection(compute: Compute, endpoint: Endpoint) -> None:
    """The workspace's connection `azure_openai`, for batch runs."""
    template = ROOT / "connections" / "azure_openai.yaml"
    values = ["--set", f"api_base={endpoint.url}", "api_key=secret-1"]
    create = ["connection", "create", "--file", template, *values]
    done = compute.warm(compute.python_of(ROOT / "flows/chat")).run("promptflow._cli.pf", create, {}, compute.folder)
    assert done.status == 0, done.said


def _connections(endpoint: Endpoint) -> dict[str, object]:
    """The same for parallel steps, in the form that promptflow-parallel reads."""
    value = {"api_base": endpoint.url, "api_key": "secret-1", "api_type": "azure", "api_version": "2024-06-01"}
    return {"azure_openai": {"type": "AzureOpenAIConnection", "value": value, "secret_keys": ["api_key"]}}
