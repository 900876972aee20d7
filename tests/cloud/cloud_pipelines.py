"""What the loopback cloud does with a pipeline: one step after the other, each where nothing is installed but what its
component asks for, with the code that was uploaded for it.
"""

import base64
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import yaml
from azure.storage.blob import BlobServiceClient
from cloud_assets import Assets, version_of
from cloud_runs import Compute
from parallel_runner import installed, run_step

from bakeoff.catalog.cache import cache_folder

DATASTORE = re.compile(r"azureml://.*datastores/workspaceblobstore/paths/(.*)")


@dataclass
class Pipelines:
    """Runs pipelines on the compute. connections: those of the workspace, as its parallel steps get them.

    statuses, errors: by name of the job. steps: folder of each step, by job and step.
    """

    compute: Compute
    blobs: BlobServiceClient
    connections: dict[str, Any]
    statuses: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    ended: dict[str, Event] = field(default_factory=dict)
    steps: dict[str, dict[str, Path]] = field(default_factory=dict)
    assets: Assets | None = None

    def submit(self, name: str, job: dict[str, Any]) -> None:
        self.statuses[name], self.ended[name] = "NotStarted", Event()
        self.compute.do(lambda: self._execute(name, job))

    def status(self, name: str, patience: float) -> str:
        """That of a job, when it has ended or after so many seconds."""
        self.ended[name].wait(patience)
        return self.statuses[name]

    def _execute(self, name: str, job: dict[str, Any]) -> None:
        self.statuses[name], self.steps[name] = "Running", {}
        try:
            if self.compute.fails:
                raise RuntimeError(self.compute.fails)
            self._run_steps(name, job)
            self.statuses[name] = "Completed"
        except Exception as error:
            self.statuses[name], self.errors[name] = "Failed", str(error)
        finally:
            self.ended[name].set()

    def fetched(self, uri: str, folder: Path) -> Path:
        """A copy of what lies at a path of the default datastore, or of a version of a data asset."""
        if asset := re.search(r"data/[^/]+/versions/[^/]+$", uri):
            uri = self.assets.versions[asset[0]]["dataUri"]
        return self.compute.fetch(DATASTORE.fullmatch(uri)[1], folder)

    def _run_steps(self, name: str, job: dict[str, Any]) -> None:
        folder = self.compute.folder / name
        ready: dict[str, str] = {}
        for key, given in job["inputs"].items():
            ready[f"${{{{parent.inputs.{key}}}}}"] = str(self.fetched(given["uri"], folder / key))
        waiting = dict(job["jobs"])
        while waiting:
            runnable = [step for step, body in waiting.items() if _bindings(body) <= ready.keys()]
            assert runnable, f"steps that wait for each other: {list(waiting)}"
            for step in runnable:
                body = waiting.pop(step)
                inputs = {key: ready.get(given["value"], given["value"]) for key, given in body["inputs"].items()}
                self.steps[name][step] = folder / step
                for key, path in self._run_step(folder / step, body, inputs).items():
                    ready[f"${{{{parent.jobs.{step}.outputs.{key}}}}}"] = str(path)
                    bound = (body.get("outputs") or {}).get(key, {}).get("value", "")
                    if target := re.fullmatch(r"\$\{\{parent\.outputs\.(\w+)\}\}", bound):
                        self._upload(path, job["outputs"][target[1]]["uri"])

    def _run_step(self, folder: Path, body: dict[str, Any], inputs: dict[str, str]) -> dict[str, Path]:
        component = self.assets.versions[version_of(body["componentId"])]["componentSpec"]
        code = self.assets.versions[version_of(component["code"])]["codeUri"]
        container, _, path = code.partition(".net/")[2].partition("/")
        snapshot = self.compute.fetch(path, folder / "code", self.blobs.get_container_client(container))
        if body["type"] == "parallel":
            return self._run_parallel(folder, body, inputs, snapshot)
        outputs = {key: folder / "outputs" / key for key in component["outputs"]}
        environment = self.assets.versions[version_of(component["environment"])]
        dependencies = yaml.safe_load(environment["condaFile"])["dependencies"]
        python = self.compute.python_with(dependencies[-1]["pip"])
        values = {f"inputs.{key}": value for key, value in inputs.items()}
        values |= {f"outputs.{key}": str(path) for key, path in outputs.items()}
        command = re.sub(r"\$\{\{([\w.]+)\}\}", lambda match: values[match[1]], component["command"])
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=snapshot,
            env=self.compute.environment | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return outputs

    def _run_parallel(self, folder: Path, body: dict[str, Any], inputs: dict[str, str], flow: Path) -> dict[str, Path]:
        data, output = Path(inputs.pop("data")), folder / "outputs" / "flow_outputs"
        overrides = [f"{key.removeprefix('connections.')}={value}" for key, value in inputs.items() if "." in key]
        arguments = ["--amlbi_pf_connections", ",".join(overrides)]
        for key, value in inputs.items():
            if "." not in key:
                arguments += [f"--pf_input_{key}", value]
        secrets = base64.b64encode(json.dumps(self.connections).encode()).decode()
        env = body["environment_variables"] | {"AML_PROMPT_FLOW_CONNECTIONS": secrets}
        python = self.compute.warm(self.compute.python_of(flow))
        run_step(python, installed(cache_folder()), flow, data, output, body, arguments, env)
        return {"flow_outputs": output}

    def _upload(self, folder: Path, uri: str) -> None:
        place = DATASTORE.fullmatch(uri)[1].strip("/")
        for path in folder.rglob("*"):
            if path.is_file():
                self.compute.container.upload_blob(f"{place}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def _bindings(body: dict[str, Any]) -> set[str]:
    """What other parts of the pipeline a step takes."""
    return {given["value"] for given in body["inputs"].values() if str(given["value"]).startswith("${{parent.")}
