"""The parts of Azure that a batch run asks, beside storage: tokens, Resource Manager, flows, run history, metrics.

Requests to the flow service are checked against the OpenAPI file that the promptflow-azure package carries.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cloud_assets import Assets
from cloud_certificate import Certificate
from cloud_evaluations import Evaluations
from cloud_runs import PATIENCE, CloudRun, Compute
from flow_service_schema import problems

TENANT = "11111111-1111-1111-1111-111111111111"
SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
GROUP, WORKSPACE = "test-group", "test-workspace"
SCOPE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
LOGIN, MANAGEMENT, SERVICE = "login.microsoftonline.com", "management.azure.com", "westeurope.api.azureml.ms"
HOSTS = (LOGIN, MANAGEMENT, SERVICE)
SECRET = "the secret of the service principal"
SIGNED_WITH = "the key that signs the tokens of the test cloud"
FLOW_SERVICE = f"/flow/api{SCOPE}"


@dataclass(frozen=True)
class Request:
    """What was asked. body: parsed JSON, or None."""

    method: str
    host: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class ControlPlane:
    """State, and everything that was asked.

    account, sas: of the storage account behind the default datastore. connections: names of those of the workspace.
    history_lags: how often run history is still to say that a run is unknown which is there. patience: seconds in which
    a run may end before who asks hears that it has not.
    wrong: requests that break the OpenAPI file, and those that nothing here answers. on_answer: called with each
    request before the client hears that it was dealt with.
    """

    compute: Compute
    account: str
    container: str
    sas: str
    has_datastore: bool = True
    history_lags: int = 0
    patience: float = PATIENCE
    connections: set[str] = field(default_factory=lambda: {"azure_openai"})
    assets: Assets | None = None
    evaluations: Evaluations | None = None
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    on_answer: Callable[[Request], None] = lambda request: None

    @property
    def submissions(self) -> list[dict[str, Any]]:
        """Bodies of the requests that asked for a run, those that were refused among them."""
        return [request.body for request in self.requests if request.path == f"{FLOW_SERVICE}/BulkRuns/submit"]

    def answer(self, request: Request) -> tuple[int, Any]:
        """(HTTP status, body) of a request."""
        self.requests.append(request)
        if request.host == LOGIN:
            return self._login(request)
        if not _is_signed(request.headers.get("authorization", "")):
            return 401, _error("InvalidAuthenticationToken", "The access token is missing or not valid.")
        if request.path.startswith("/flow/api/"):
            self.wrong += problems(request.method, request.path, request.query, request.headers, request.body)
        for (method, host, pattern), respond in self._routes().items():
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method and host == request.host:
                return respond(request, *match.groups())
        self.wrong.append(f"nothing answers {request.method} https://{request.host}{request.path}")
        return 404, _error("NotFound", f"{request.path} was not found.")

    def _routes(self) -> dict[tuple[str, str, str], Callable[..., tuple[int, Any]]]:
        flow, history, metric = FLOW_SERVICE, f"/history/v1.0{SCOPE}", f"/metric/v2.0{SCOPE}"
        return {
            ("GET", MANAGEMENT, f"{SCOPE}"): lambda _: (200, self._workspace()),
            ("GET", MANAGEMENT, f"{SCOPE}/datastores"): lambda _: (
                200,
                {"value": [self._datastore()] if self.has_datastore else []},
            ),
            ("GET", MANAGEMENT, f"{SCOPE}/datastores/workspaceblobstore"): lambda _: (200, self._datastore()),
            ("POST", MANAGEMENT, f"{SCOPE}/datastores/workspaceblobstore/listSecrets"): lambda _: (
                200,
                {"secretsType": "Sas", "sasToken": self.sas},
            ),
            ("GET", MANAGEMENT, f"{SCOPE}/connections/([^/]+)"): self._connection,
            ("GET", SERVICE, f"{flow}/TraceSessions"): lambda _: (
                200,
                {"traceCosmosConfiguration": "None", "traceCosmosStatus": "NotExists"},
            ),
            ("POST", SERVICE, f"{flow}/BulkRuns/submit"): self._submit,
            ("GET", SERVICE, f"{flow}/BulkRuns/([^/]+)"): self._flow_run,
            ("GET", SERVICE, f"{flow}/BulkRuns/([^/]+)/logContent"): self._log,
            ("GET", SERVICE, f"{flow}/BulkRuns/([^/]+)/childRuns"): self._child_runs,
            ("POST", SERVICE, f"{history}/rundata"): self._run_data,
            ("POST", SERVICE, f"{metric}/runs/([^/]+)/lastvalues"): self._metrics,
        } | self._kept()

    def _kept(self) -> dict[tuple[str, str, str], Callable[..., tuple[int, Any]]]:
        assets = self.assets.routes() if self.assets else {}
        evaluations = self.evaluations.routes() if self.evaluations else {}
        return {(method, MANAGEMENT, f"{SCOPE}{path}"): respond for (method, path), respond in assets.items()} | {
            (method, SERVICE, path): respond for (method, path), respond in evaluations.items()
        }

    def _login(self, request: Request) -> tuple[int, Any]:
        issuer = f"https://{LOGIN}/{TENANT}"
        if request.path == "/common/discovery/instance":
            names = {"preferred_network": LOGIN, "preferred_cache": LOGIN, "aliases": [LOGIN]}
            return 200, {
                "tenant_discovery_endpoint": f"{issuer}/v2.0/.well-known/openid-configuration",
                "metadata": [names],
            }
        if request.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return 200, {
                "issuer": f"{issuer}/v2.0",
                "authorization_endpoint": f"{issuer}/oauth2/v2.0/authorize",
                "token_endpoint": f"{issuer}/oauth2/v2.0/token",
            }
        if request.method == "POST" and request.path == f"/{TENANT}/oauth2/v2.0/token":
            if request.body.get("client_secret") != [SECRET]:
                description = "AADSTS7000215: Invalid client secret provided."
                return 401, {"error": "invalid_client", "error_description": description}
            (scope,) = request.body["scope"]
            audience = scope.split(" ")[0].removesuffix("/.default")
            claims = {"aud": audience, "oid": "3", "tid": TENANT, "exp": int(time.time()) + 3600}
            token = jwt.encode(claims, SIGNED_WITH, algorithm="HS256")
            return 200, {"token_type": "Bearer", "expires_in": 3600, "access_token": token}
        self.wrong.append(f"nothing answers {request.method} https://{request.host}{request.path}")
        return 404, {"error": "not_found"}

    def _workspace(self) -> dict[str, Any]:
        return {
            "id": SCOPE,
            "name": WORKSPACE,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": "westeurope",
            "kind": "Default",
            "identity": {"type": "SystemAssigned", "principalId": "4", "tenantId": TENANT},
            "properties": {
                "friendlyName": WORKSPACE,
                "workspaceId": "55555555-5555-5555-5555-555555555555",
                "discoveryUrl": f"https://{SERVICE}/discovery",
                "mlFlowTrackingUri": f"azureml://{SERVICE}/mlflow/v1.0{SCOPE}",
                "provisioningState": "Succeeded",
            },
        }

    def _datastore(self) -> dict[str, Any]:
        return {
            "id": f"{SCOPE}/datastores/workspaceblobstore",
            "name": "workspaceblobstore",
            "properties": {
                "datastoreType": "AzureBlob",
                "accountName": self.account,
                "containerName": self.container,
                "endpoint": "core.windows.net",
                "protocol": "https",
                "isDefault": True,
                "credentials": {"credentialsType": "Sas"},
            },
        }

    def _connection(self, request: Request, name: str) -> tuple[int, Any]:
        if name not in self.connections:
            return 404, _error("UserError", f"Connection {name} can't be found in this workspace.")
        properties = {
            "category": "AzureOpenAI",
            "authType": "ApiKey",
            "target": "https://example.openai.azure.com/",
            "metadata": {},
        }
        return 200, {"id": f"{SCOPE}/connections/{name}", "name": name, "properties": properties}

    def _submit(self, request: Request) -> tuple[int, Any]:
        name = request.body["runId"]
        if name in self.compute.runs:
            return 409, _error("UserError", f"The run {name} exists already.")
        self.compute.submit(request.body)
        return 200, name

    def _flow_run(self, request: Request, name: str) -> tuple[int, Any]:
        if name not in self.compute.runs:
            return 404, _error("UserError", f"The run {name} was not found.")
        return 200, {"flowRunId": name, "studioPortalTraceEndpoint": f"https://ml.azure.com/prompts/trace/run/{name}"}

    def _log(self, request: Request, name: str) -> tuple[int, Any]:
        return 200, self.compute.runs[name].log

    def _child_runs(self, request: Request, name: str) -> tuple[int, Any]:
        first, last = (int(request.query[key][0]) for key in ("startIndex", "endIndex"))
        names = ("index", "run_id", "status", "inputs", "output", "error")
        return 200, [{key: line[key] for key in names} for line in self.compute.runs[name].lines[first : last + 1]]

    def _run_data(self, request: Request) -> tuple[int, Any]:
        run = self.compute.runs.get(request.body["runId"])
        if run and self.history_lags:
            self.history_lags -= 1
            run = None
        if run is None:
            return 404, _error("UserError", f"The run {request.body['runId']} was not found.")
        run.has_ended.wait(self.patience)
        return 200, {"runMetadata": _metadata(run)}

    def _metrics(self, request: Request, name: str) -> tuple[int, Any]:
        metrics = self.compute.runs[name].metrics
        return 200, {"value": [{"name": key, "value": [{"data": {key: number}}]} for key, number in metrics.items()]}


@contextmanager
def serving(plane: ControlPlane, certificate: Certificate) -> Iterator[None]:
    """Serve over HTTPS until the end of the block; `plane.port` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type") or ""
            parsed = parse_qs(body.decode()) if "form-urlencoded" in kind else json.loads(body) if body else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            host = headers["host"].partition(":")[0]
            request = Request(self.command, host, url.path, parse_qs(url.query), headers, parsed)
            try:
                status, answer = plane.answer(request)
                plane.on_answer(request)
            except Exception as error:
                plane.wrong.append(f"{request.method} {request.path}: {error!r}")
                status, answer = 500, _error("SystemError", repr(error))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    plane.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _metadata(run: CloudRun) -> dict[str, Any]:
    return {
        "runId": run.name,
        "runType": "azureml.promptflow.FlowRun",
        "createdUtc": run.created.isoformat(),
        "startTimeUtc": _iso(run.started),
        "endTimeUtc": _iso(run.ended),
        "status": run.status,
        "displayName": run.body.get("runDisplayName"),
        "description": run.body.get("description"),
        "tags": run.body.get("tags") or {},
        "properties": {
            "azureml.promptflow.flow_name": "flow",
            "azureml.promptflow.input_data": (run.body.get("batchDataInput") or {}).get("dataUri"),
            "azureml.promptflow.input_run_id": run.body.get("variantRunId"),
        },
        "outputs": {},
        "createdBy": {"userObjectId": "3", "userTenantId": TENANT, "userName": "tester"},
        "error": {"error": {"code": "UserError", "message": run.error}} if run.error else None,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _is_signed(authorization: str) -> bool:
    try:
        jwt.decode(authorization.removeprefix("Bearer "), SIGNED_WITH, ["HS256"], options={"verify_aud": False})
    except jwt.InvalidTokenError:
        return False
    return True
