"""What of an ONNX session depends on the machine."""

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
