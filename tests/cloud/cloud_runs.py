"""What the loopback cloud does with a submitted run: fetch the snapshot and the data, and run them where nothing is
installed but the snapshot's own requirements, with Prompt Flow's local engine.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from azure.storage.blob import ContainerClient
from clean_environment import clean_environment
from packaging.requirements import Requirement


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

    home: of its Prompt Flow, whose connections stand for those of the workspace. environment: its variables. fails: the
    error of every run, in place of executing it.
    """

    folder: Path
    home: Path
    environment: dict[str, str]
    container: ContainerClient
    fails: str = ""
    runs: dict[str, CloudRun] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _jobs: list[Future[None]] = field(default_factory=list)

    def submit(self, body: dict[str, Any]) -> None:
        run = CloudRun(body, self.home / ".runs" / str(body["runId"]))
        self.runs[run.name] = run
        self.do(lambda: self._execute(run))

    def do(self, job: Callable[[], None]) -> None:
        """Run that after what was submitted before."""
        self._jobs.append(self._pool.submit(job))

    def wait(self) -> None:
        """Return when everything that was submitted has ended; raises what went wrong in the compute itself."""
        for job in self._jobs:
            job.result(timeout=300)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _execute(self, run: CloudRun) -> None:
        run.started, run.status = datetime.now(UTC), "Running"
        try:
            if self.fails:
                run.error, run.status = self.fails, "Failed"
                return
            work = self.folder / run.name
            flow_file = run.body["flowDefinitionBlobPath"]
            flow = fetch(self.container, str(Path(flow_file).parent), work / "flow")
            specification = {
                "name": run.name,
                "flow": str(flow),
                "column_mapping": run.body.get("inputsMapping") or {},
                "environment_variables": run.body.get("environmentVariables") or {},
                "connections": run.body.get("connections") or {},
            }
            data = (run.body.get("batchDataInput") or {}).get("dataUri")
            if data:
                specification["data"] = str(fetch(self.container, data.partition("/paths/")[2], work / "data"))
            if base := run.body.get("variantRunId"):
                specification["run"] = base
            (work / "run.yaml").write_text(yaml.safe_dump(specification), encoding="utf-8")
            shutil.copytree(flow, work / "snapshot")
            done = subprocess.run(
                [self.python_of(flow), "-m", "promptflow._cli.pf", "run", "create", "--file", work / "run.yaml"],
                cwd=work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=240,
            )
            completed = '"status": "Completed"' in done.stdout
            run.error, run.status = ("", "Completed") if completed else (done.stdout + done.stderr, "Failed")
        except Exception as error:
            run.error, run.status = repr(error), "Failed"
            raise
        finally:
            run.ended = datetime.now(UTC)

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


def fetch(container: ContainerClient, path: str, target: Path) -> Path:
    """A copy of the blob, or of all blobs below a path; the path of the copy."""
    path = path.strip("/")
    names = [name for name in container.list_blob_names(name_starts_with=path)]
    for name in names:
        if name == path or name.startswith(f"{path}/"):
            file = target / Path(path).name / Path(name).relative_to(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(container.download_blob(name).readall())
    copied = target / Path(path).name
    if not copied.exists():
        raise FileNotFoundError(f"nothing was uploaded at {path}")
    return copied


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
