"""What a workspace keeps for pipelines: code, environments and components in versions, clusters, jobs."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from azure.storage.blob import BlobServiceClient, generate_container_sas
from cloud_runs import PATIENCE

Answer = tuple[int, Any]
CREATED = {"createdBy": "tester", "createdByType": "User", "createdAt": "2026-01-01T00:00:00Z"}


@dataclass
class Assets:
    """scope: of the workspace. storage: host name of its account as clients know it; key, expiry: for its signatures.

    submit: called with the name and the properties of a new job; status: that of a job, when it has ended or after so
    many seconds.
    """

    scope: str
    storage: str
    key: str
    blobs: BlobServiceClient
    expiry: Any
    submit: Callable[[str, dict[str, Any]], None]
    status: Callable[[str, float], str]
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def routes(self) -> dict[tuple[str, str], Callable[..., Answer]]:
        """(method, path below the workspace) -> what answers it."""
        version = "/((?:codes|environments|components|models|data)/[^/]+/versions/[^/]+)"
        return {
            ("GET", "/computes/([^/]+)"): self._compute,
            ("GET", "/codes/[^/]+/versions"): self._same_code,
            ("POST", "/codes/[^/]+/versions/[^/]+/startPendingUpload"): self._place_to_upload,
            ("GET", version): self._get_version,
            ("PUT", version): self._put_version,
            ("GET", "/jobs/([^/]+)"): self._get_job,
            ("PUT", "/jobs/([^/]+)"): self._put_job,
        }

    def _compute(self, request: Any, name: str) -> Answer:
        properties = {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": {}}
        return 200, {"id": f"{self.scope}/computes/{name}", "name": name, "properties": properties}

    def _same_code(self, request: Any) -> Answer:
        """The code of that hash, whatever its name."""
        (wanted,) = request.query["hash"]
        found = [n for n, kept in self.versions.items() if (kept.get("properties") or {}).get("hash_sha256") == wanted]
        return 200, {"value": [self._shown(name, self.versions[name]) for name in found]}

    def _place_to_upload(self, request: Any) -> Answer:
        container = str(uuid4())
        self.blobs.create_container(container)
        account = str(self.blobs.account_name)
        signature = generate_container_sas(
            account, container, account_key=self.key, permission="racwdl", expiry=self.expiry
        )
        place = f"https://{self.storage}/{container}"
        credential = {"credentialType": "SAS", "sasUri": f"{place}?{signature}"}
        reference = {"blobUri": place, "storageAccountArmId": "", "credential": credential}
        return 200, {"pendingUploadType": "TemporaryBlobReference", "blobReferenceForConsumption": reference}

    def _get_version(self, request: Any, name: str) -> Answer:
        if name not in self.versions:
            return 404, {"error": {"code": "UserError", "message": f"{name} was not found."}}
        return 200, self._shown(name, self.versions[name])

    def _put_version(self, request: Any, name: str) -> Answer:
        self.versions[name] = request.body["properties"]
        return 201, self._shown(name, self.versions[name])

    def _shown(self, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        """As the service answers: it makes a parallel component of a flow."""
        specification = properties.get("componentSpec") or {}
        if specification.get("type") == "promptflow_parallel":
            kept = {key: specification[key] for key in ("name", "version", "display_name") if key in specification}
            shape = {"type": "parallel", "inputs": {"data": {"type": "uri_folder"}}, "outputs": {}}
            properties = {**properties, "componentSpec": kept | shape}
        identity = {"id": f"{self.scope}/{name}", "name": name.split("/")[-1]}
        return identity | {"properties": properties, "systemData": CREATED}

    def _get_job(self, request: Any, name: str) -> Answer:
        if name not in self.jobs:
            return 404, {"error": {"code": "UserError", "message": f"The job {name} was not found."}}
        return 200, self._job(name, PATIENCE)

    def _job(self, name: str, patience: float) -> dict[str, Any]:
        services = {"Studio": {"jobServiceType": "Studio", "endpoint": f"https://ml.azure.com/runs/{name}"}}
        properties = self.jobs[name] | {"status": self.status(name, patience), "services": services}
        identity = {"id": f"{self.scope}/jobs/{name}", "name": name}
        return identity | {"properties": properties, "systemData": CREATED}

    def _put_job(self, request: Any, name: str) -> Answer:
        self.jobs[name] = request.body["properties"]
        self.submit(name, self.jobs[name])
        return 201, self._job(name, 0)


def version_of(identifier: str) -> str:
    """`components/NAME/versions/VERSION` of an id."""
    found = re.search(r"(codes|environments|components)/[^/]+/versions/[^/]+$", identifier)
    assert found, identifier
    return found[0]
