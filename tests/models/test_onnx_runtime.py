"""What of an ONNX session depends on the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.models.onnx_runtime import has_vnni


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2", False), ("fpu avx2 avx512_vnni", True), ("avx2 avx_vnni", True), ("avx512_vnni_of_another", False)],
)
def test_exact_kernels_are_asked_for_where_the_cpu_has_no_vnni(
    flags: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: f"model name\t: any\nflags\t\t: {flags}\n")
    has_vnni.cache_clear()
    try:
        assert has_vnni() is expected
    finally:
        has_vnni.cache_clear()


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_the_runtimes_report_nothing_unless_somebody_wants_them_to(before: str | None, after: str) -> None:
    """Both read the variable when they are imported (tests/cloud sees what their processes would send)."""
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    env |= {"ORT_DISABLE_TELEMETRY": before} if before else {}
    code = (
        "import bakeoff, os, sys; assert not {'onnxruntime', 'onnxruntime_genai'} & set(sys.modules);"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert said.strip() == after
