"""Azure as the clients of a batch run see it, on this machine: Azurite for blobs, a control plane, a compute that
executes what was uploaded, a model endpoint, and a proxy that lets nothing through to anywhere else.
"""

import json
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import BlobServiceClient, ContainerClient, generate_container_sas
from azurite import azurite
from cloud_assets import Assets
from cloud_certificate import certificate
from cloud_pipelines import Pipelines
from cloud_proxy import Proxy, proxy
from cloud_runs import Compute, compute_environment
from control_plane import GROUP, HOSTS, SCOPE, SECRET, SUBSCRIPTION, TENANT, WORKSPACE, ControlPlane, serving
from endpoint import Endpoint, endpoint
from promptflow._constants import LAST_CHECK_TIME, PF_VERSION_CHECK
from warm_client import Done, WarmClient, warm_client

ROOT = Path(__file__).parents[2]
ACCOUNT, CONTAINER = "bakeofftests", "azureml-blobstore"
STORAGE = f"{ACCOUNT}.blob.core.windows.net"


@dataclass
class Cloud:
    """client: has a login and the workspace's names in its environment, and reaches this cloud only."""

    plane: ControlPlane
    compute: Compute
    pipelines: Pipelines
    proxy: Proxy
    endpoint: Endpoint
    client: WarmClient
    folder: Path

    def pfazure(self, *arguments: str | Path) -> str:
        """What `pfazure` prints; it has to succeed."""
        done = self.client.run("promptflow.azure._cli.entry", list(map(str, arguments)), {}, ROOT)
        assert done.status == 0, done.said
        return done.said

    def bakeoff(self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Done:
        """Run `bakeoff`; env: changes to its environment."""
        return self.client.run("bakeoff.cli", list(map(str, arguments)), env or {}, cwd)


@contextmanager
def loopback_cloud(folder: Path) -> Iterator[Cloud]:
    """Serve until the end of the block; skips the test where there is no npm."""
    hosts = [*HOSTS, STORAGE]
    pem = certificate(folder, [*hosts, "localhost"])
    key = b64encode(secrets.token_bytes(32)).decode()
    with azurite(folder / "azurite", ACCOUNT, key, pem) as storage_port, endpoint() as models:
        home = _prompt_flow_home(folder / "compute_home")
        address = f"https://localhost:{storage_port}/{ACCOUNT}"
        blobs = ContainerClient(address, CONTAINER, credential=key, connection_verify=str(pem.authority))
        blobs.create_container()
        compute = Compute(folder / "compute", home, {}, blobs)
        expiry = datetime.now(UTC) + timedelta(hours=6)
        sas = generate_container_sas(ACCOUNT, CONTAINER, account_key=key, permission="racwdl", expiry=expiry)
        plane = ControlPlane(compute, ACCOUNT, CONTAINER, sas)
        service = BlobServiceClient(address, credential=key, connection_verify=str(pem.authority))
        pipelines = Pipelines(compute, service, _connections(models))
        plane.assets = Assets(SCOPE, STORAGE, key, service, expiry, pipelines.submit, pipelines.status)
        pipelines.assets = plane.assets
        with serving(plane, pem), proxy({host: plane.port for host in HOSTS} | {STORAGE: storage_port}) as gate:
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
            with warm_client(environment) as client, closing(compute):
                yield Cloud(plane, compute, pipelines, gate, models, client, folder)


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
    done = subprocess.run(
        [sys.executable, "-m", "promptflow._cli.pf", "connection", "create", "--file", template, *values],
        env=compute.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _connections(endpoint: Endpoint) -> dict[str, object]:
    """The same for parallel steps, in the form that promptflow-parallel reads."""
    value = {"api_base": endpoint.url, "api_key": "secret-1", "api_type": "azure", "api_version": "2024-06-01"}
    return {"azure_openai": {"type": "AzureOpenAIConnection", "value": value, "secret_keys": ["api_key"]}}
