"""What loading has read is given back, and what the process has changed is not lost."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bakeoff.models.onnx_decoder import open_decoder
from bakeoff.models.onnx_pages import given_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system does not say which pages are mapped")

SIZE = 2**20


def resident(path: Path) -> int:
    return sum(part.rss for part in psutil.Process().memory_maps(grouped=False) if part.path == str(path))


def mapped(path: Path) -> "np.memmap[Any, Any]":
    """Private and writable, as ONNX Runtime's."""
    return np.memmap(path, np.uint8, mode="c")


def test_pages_that_were_only_read_are_given_back(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx.data"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    with given_back(tmp_path):
        weights = mapped(path)
        total = int(weights.sum())
        assert resident(path) == SIZE
    assert resident(path) == 0
    assert int(weights.sum()) == total


def test_a_decoder_keeps_no_page_that_was_only_packed(smollm2: Path) -> None:
    """17 MB of them, of 115: the scales of its 4-bit blocks."""
    weights = (smollm2 / "model.onnx.data").resolve()
    before = resident(weights)  # of other tests' models
    decoder = open_decoder(smollm2)
    assert decoder
    assert resident(weights) < before + 2**20
    assert decoder.vocabulary == 49152


def test_what_was_changed_or_lies_elsewhere_stays(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for path in (tmp_path / "model/changed", tmp_path / "elsewhere"):
        path.write_bytes(bytes(SIZE))
    with given_back(tmp_path / "model"):
        changed, elsewhere = mapped(tmp_path / "model/changed"), mapped(tmp_path / "elsewhere")
        changed[:10], _ = 1, elsewhere.sum()
    assert int(changed.sum()) == 10
    assert resident(tmp_path / "elsewhere") == SIZE


def test_what_was_mapped_before_stays(tmp_path: Path) -> None:
    """Another thread may free it while the pages are given back, and the memory at its place is then another's."""
    path = tmp_path / "model.onnx.data"
    path.write_bytes(bytes(SIZE))
    earlier = mapped(path)
    assert int(earlier.sum()) == 0
    with given_back(tmp_path):
        later = mapped(path)
        assert int(later.sum()) == 0
        assert resident(path) == 2 * SIZE
    assert resident(path) == SIZE
