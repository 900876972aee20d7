"""What loading has read is given back, and what the process has changed is not lost."""

import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from bakeoff.models.onnx_decoder import open_decoder
from bakeoff.models.onnx_pages import release

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system does not say which pages are mapped")

SIZE = 2**20


def resident(path: Path) -> int:
    return sum(part.rss for part in psutil.Process().memory_maps(grouped=False) if part.path == str(path))


def test_pages_that_were_only_read_are_given_back(tmp_path: Path) -> None:
    (tmp_path / "model.onnx.data").write_bytes(bytes(range(256)) * (SIZE // 256))
    weights = np.memmap(tmp_path / "model.onnx.data", np.uint8, mode="c")  # private and writable, as ONNX Runtime's
    total = int(weights.sum())
    assert resident(tmp_path / "model.onnx.data") == SIZE
    release(tmp_path)
    assert resident(tmp_path / "model.onnx.data") == 0
    assert int(weights.sum()) == total


def test_a_decoder_keeps_no_page_that_was_only_packed(smollm2: Path) -> None:
    """17 MB of them, of 115: the scales of its 4-bit blocks."""
    decoder = open_decoder(smollm2)
    assert decoder
    assert resident((smollm2 / "model.onnx.data").resolve()) < 2**20
    assert decoder.vocabulary == 49152


def test_what_was_changed_or_lies_elsewhere_stays(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for path in (tmp_path / "model/changed", tmp_path / "elsewhere"):
        path.write_bytes(bytes(SIZE))
    changed = np.memmap(tmp_path / "model/changed", np.uint8, mode="c")
    elsewhere = np.memmap(tmp_path / "elsewhere", np.uint8, mode="r")
    changed[:10], _ = 1, elsewhere.sum()
    release(tmp_path / "model")
    assert int(changed.sum()) == 10
    assert resident(tmp_path / "elsewhere") == SIZE
