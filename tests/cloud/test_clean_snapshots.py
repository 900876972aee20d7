"""Snapshots of the picture flows where nothing is installed but their requirements: what a cloud run does not reach.

tests/cloud/test_submit.py runs flows/vision with an endpoint; here OCR reads, and code is run under guard.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from clean_environment import clean_environment

from bakeoff.hosts.submission.snapshot import stage

ROOT = Path(__file__).parents[2]
RECEIPT = ROOT / "data/vision/questions/images/receipt-00.png"
CODE = "import matplotlib.pyplot as plt\nplt.bar(['Mon', 'Tue'], [10, 20])\nplt.title('Visitors')"
TRUTH = {"chart": "bar", "title": "Visitors", "x": ["Mon", "Tue"], "values": {"Guests": [10, 20]}}


@pytest.mark.usefixtures("smollm2")
@pytest.mark.parametrize(
    ("flow", "inputs", "expected"),
    [
        (
            "flows/vision",
            {"image": RECEIPT, "question": "What is the total on this receipt?"},
            {"answer": "EUR 64.05", "source": "field"},
        ),
        (
            "evaluations/chart_to_code",
            {"answer": CODE, "completion": '{"finish_reason": "stop"}', "truth": json.dumps(TRUTH), "image": RECEIPT},
            {"outcome": "answered", "code": "drew", "data_f1": "1.0"},
        ),
    ],
)
def test_a_snapshot_runs(tmp_path: Path, flow: str, inputs: dict[str, Any], expected: dict[str, str]) -> None:
    snapshot = stage(ROOT / flow, tmp_path / "snapshot")
    requirements = (snapshot / "requirements.txt").read_text(encoding="utf-8").splitlines()
    python = clean_environment(tmp_path / "venv", requirements)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/pf.yaml").write_text("telemetry: {enabled: false}\ntrace: {destination: none}\n", "utf-8")
    given = [f"{name}={value}" for name, value in inputs.items()]
    done = subprocess.run(
        [python, "-m", "promptflow._cli.pf", "flow", "test", "--flow", snapshot, "--inputs", *given],
        cwd=tmp_path,
        env={**os.environ, "PF_HOME_DIRECTORY": str(tmp_path / "home"), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = json.loads(done.stdout[done.stdout.rindex("\n{\n") :])
    assert {name: str(outputs[name]) for name in expected} == expected, outputs
