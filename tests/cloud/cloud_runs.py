"""What the loopback cloud does with a submitted run: fetch the snapshot and the data, and run them where nothing is
installed but the snapshot's own requirements, with Prompt Flow's local engine.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import urllib3
import yaml
from azure.storage.blob import ContainerClient
from clean_environment import clean_environment
from packaging.requirements import Requirement
from warm_python import WarmPython, warm_python

PROMPT_FLOW = ("promptflow._cli._pf.entry", "promptflow.client", "promptflow.executor", "promptflow.batch")
PATIENCE = 20.0
"""How long, in seconds, a question about a run or a job that has not ended is left open, for who asks in pauses."""


@dataclass
class CloudRun:
    """A run as it was submitted (`body`) and what became of it; times in UTC."""

    body: dict[str, Any]
    folder: Path
    status: str = "NotStarted"
    error: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None
    has_ended: Event = field(default_factory=Event)

    @property
    def name(self) -> str:
        return str(self.body["runId"])

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshot"

    @property
    def log(self) -> str:
        path = self.folder / "logs.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Prompt Flow's record of each line, in the order of the data."""
        paths = sorted((self.folder / "flow_artifacts").glob("*.jsonl"))
        return [json.loads(path.read_text(encoding="utf-8"))["run_info"] for path in paths]

    @property
    def metrics(self) -> dict[str, float]:
        path = self.folder / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@dataclass
class Compute:
    """Runs what is submitted, one after the other.

    home: of its Prompt Flow, whose connections stand for those of the workspace. environment: its variables. container:
    of the default datastore, whose addresses of blobs are signed; authority: of the certificate it shows. fails: the
    error of every run, in place of executing it.
    """

    folder: Path
    home: Path
    environment: dict[str, str]
    container: ContainerClient
    authority: Path
    fails: str = ""
    runs: dict[str, CloudRun] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _jobs: list[Future[object]] = field(default_factory=list)
    _warm: dict[Path, WarmPython] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def submit(self, body: dict[str, Any]) -> None:
        run = CloudRun(body, self.home / ".runs" / str(body["runId"]))
        self.runs[run.name] = run
        self.do(lambda: self._execute(run))

    def do(self, job: Callable[[], object]) -> None:
        """Run that after what was submitted before."""
        self._jobs.append(self._pool.submit(job))

    def wait(self) -> None:
        """Return when everything that was submitted has ended; raises what went wrong in the compute itself."""
        for job in self._jobs:
            job.result(timeout=300)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._open.close()

    def warm(self, python: Path) -> WarmPython:
        """That Python with Prompt Flow imported, started once; it has the compute's variables."""
        if python not in self._warm:
            self._warm[python] = self._open.enter_context(warm_python(python, PROMPT_FLOW, self.environment))
        return self._warm[python]

    def _execute(self, run: CloudRun) -> None:
        run.started, run.status = datetime.now(UTC), "Running"
        try:
            if self.fails:
                run.error, run.status = self.fails, "Failed"
                return
            work = self.folder / run.name
            flow_file = run.body["flowDefinitionBlobPath"]
            flow = self.fetch(str(Path(flow_file).parent), work / "flow")
            specification = {
                "name": run.name,
                "flow": str(flow),
                "column_mapping": run.body.get("inputsMapping") or {},
                "environment_variables": run.body.get("environmentVariables") or {},
                "connections": run.body.get("connections") or {},
            }
            data = (run.body.get("batchDataInput") or {}).get("dataUri")
            if data:
                specification["data"] = str(self.fetch(data.partition("/paths/")[2], work / "data"))
            if base := run.body.get("variantRunId"):
                specification["run"] = base
            (work / "run.yaml").write_text(yaml.safe_dump(specification), encoding="utf-8")
            shutil.copytree(flow, work / "snapshot")
            create = ["run", "create", "--file", work / "run.yaml"]
            done = self.warm(self.python_of(flow)).run("promptflow._cli.pf", create, {}, work)
            completed = '"status": "Completed"' in done.said
            run.error, run.status = ("", "Completed") if completed else (done.said, "Failed")
        except Exception as error:
            run.error, run.status = repr(error), "Failed"
            raise
        finally:
            run.ended = datetime.now(UTC)
            run.has_ended.set()

    def fetch(self, path: str, target: Path, container: ContainerClient | None = None) -> Path:
        """A copy of the blob, or of all blobs below a path; the path of the copy."""
        path, container = path.strip("/"), container or self.container
        copied = target / Path(path).name
        with urllib3.PoolManager(ca_certs=str(self.authority)) as connections:  # the SDK takes nearly twice as long
            for name in container.list_blob_names(name_starts_with=path):
                if name == path or name.startswith(f"{path}/"):
                    file = copied / Path(name).relative_to(path)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    answer = connections.request("GET", container.get_blob_client(name).url)
                    assert answer.status == 200, answer.data
                    file.write_bytes(answer.data)
        if not copied.exists():
            raise FileNotFoundError(f"nothing was uploaded at {path}")
        return copied

    def python_of(self, flow: Path) -> Path:
        """An environment as the flow declares it."""
        declared = yaml.safe_load((flow / "flow.dag.yaml").read_text(encoding="utf-8")).get("environment") or {}
        name = declared.get("python_requirements_txt")
        lines = (flow / name).read_text(encoding="utf-8").splitlines() if name else []
        requirements = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        return self.python_with(requirements or ["promptflow"])

    def python_with(self, requirements: Iterable[str]) -> Path:
        """An environment, made once for each set of requirements."""
        wanted = sorted({str(Requirement(text)) for text in requirements})
        folder = self.folder / "environments" / hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:12]
        python = folder / "bin" / "python"
        return python if python.exists() else clean_environment(folder, wanted)


def compute_environment(home: Path, proxy_url: str, authority: Path) -> dict[str, str]:
    """Variables for a process that is to reach this machine only, and to leave nothing outside `home`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "BAKEOFF_CACHE", "LANG") if name in os.environ}
    return kept | {
        "PF_HOME_DIRECTORY": str(home),
        "PF_WORKER_COUNT": "1",
        "PYTHONUTF8": "1",
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(home / "keyring"),
        "HTTPS_PROXY": proxy_url,
        "HTTP_PROXY": proxy_url,
        "NO_PROXY": "127.0.0.1,localhost",
        "REQUESTS_CA_BUNDLE": str(authority),
        "SSL_CERT_FILE": str(authority),
    }
