"""What a workspace keeps of the evaluations that azure-ai-evaluation uploads.

Runs and metrics are the business of MLflow's own server: the workspace speaks its protocol under an address of its own.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, Any]


@dataclass
class Evaluations:
    """scope: of the workspace. server: address of MLflow's.

    artifacts: (run, path) -> (datastore, path in it) of what was registered. properties: those of each run.
    """

    scope: str
    server: str
    artifacts: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)

    def routes(self) -> dict[tuple[str, str], Callable[..., Answer]]:
        """(method, path) -> what answers it."""
        return {
            ("POST", f"/mlflow/v2.0{self.scope}(/api/2.0/mlflow/.+)"): self._ask_mlflow,
            ("POST", f"/artifact/v2.0{self.scope}/artifacts/register"): self._register,
            ("PATCH", f"/history/v1.0{self.scope}/experimentids/[^/]+/runs/([^/]+)"): self._describe,
        }

    def _ask_mlflow(self, request: Any, path: str) -> Answer:
        body = json.dumps(request.body).encode()
        asked = urllib.request.Request(self.server + path, body, {"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(asked, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def _register(self, request: Any) -> Answer:
        assert request.body["origin"] == "ExperimentRun"
        run, place = request.body["container"].removeprefix("dcid."), request.body["dataPath"]
        self.artifacts[run, request.body["path"]] = (place["dataStoreName"], place["relativePath"])
        return 200, request.body

    def _describe(self, request: Any, run: str) -> Answer:
        assert request.body["runId"] == run
        self.properties.setdefault(run, {}).update(request.body["properties"])
        return 200, request.body
