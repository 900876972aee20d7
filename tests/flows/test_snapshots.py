"""What a cloud run uploads of a flow runs where nothing is installed but its requirements.txt.

pip installs those of flows/rag, the longest list (most of a minute); the other flows get an environment of links.
"""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clean_environment import clean_environment

from bakeoff.hosts.submission.snapshot import stage

ROOT = Path(__file__).parents[2]


def with_pip(folder: Path, requirements: Path) -> Path:
    """The Python of a new virtual environment with these requirements."""
    venv.create(folder, with_pip=True)
    python = folder / Path(sys.executable).parent.name / "python"
    install = ["-m", "pip", "install", "--quiet", "-r", str(requirements), "-c", str(ROOT / "constraints.txt")]
    done = subprocess.run([python, *install], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python


def linked(folder: Path, requirements: Path) -> Path:
    """The same of the files that are installed here."""
    return clean_environment(folder, requirements.read_text(encoding="utf-8").splitlines())


@pytest.mark.usefixtures("smollm2")
@pytest.mark.parametrize(
    ("flow", "environment_of", "inputs", "expected"),
    [
        ("flows/chat", linked, ["question=What is the capital of France?"], {"answer": r"\bParis\b"}),
        (
            "evaluations/chat",
            linked,
            ["answer=Paris", "ground_truth=paris", 'completion={"finish_reason": "stop"}'],
            {"outcome": "answered", "exact_match": "1"},
        ),
        (
            "flows/rag",
            with_pip,
            ["question=How heavy may a cabin bag be on a domestic flight?"],
            {"passages": r"baggage-domestic-flights\.md"},
        ),
    ],
)
def test_a_snapshot_runs_with_nothing_but_its_requirements(
    tmp_path: Path, flow: str, environment_of: Callable[[Path, Path], Path], inputs: list[str], expected: dict[str, str]
) -> None:
    snapshot = stage(ROOT / flow, tmp_path / "snapshot")
    python = environment_of(tmp_path / "venv", snapshot / "requirements.txt")
    home = tmp_path / "home"
    home.mkdir()
    (home / "pf.yaml").write_text("telemetry: {enabled: false}\ntrace: {destination: none}\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"PF_HOME_DIRECTORY": str(home), "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [python, "-m", "promptflow._cli.pf", "flow", "test", "--flow", snapshot, "--inputs", *inputs],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs: dict[str, Any] = json.loads(done.stdout[done.stdout.rindex("\n{\n") :])
    for name, pattern in expected.items():
        assert re.search(pattern, str(outputs[name]))
