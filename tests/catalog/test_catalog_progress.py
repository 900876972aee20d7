import threading
from pathlib import Path

import pytest

from bakeoff.catalog.progress import format_size, watch


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (92_871_040, "92.9 MB"), (2_720_000_000, "2.72 GB"), (12_345_000_000, "12.35 GB")],
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    assert format_size(size) == text


def test_each_tenth_is_reported_once_while_bytes_arrive(tmp_path: Path) -> None:
    lines: list[str] = []
    arrived = threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        arrived.set()

    with watch(tmp_path, 1000, "weights", report, interval=0.001):
        for size in (420, 870):
            arrived.clear()
            (tmp_path / "part").write_bytes(b"x" * size)
            assert arrived.wait(20)
    assert lines == ["weights: 40 % of 1 kB", "weights: 80 % of 1 kB"]


def test_a_folder_that_is_not_there_yet_is_no_error(tmp_path: Path) -> None:
    lines: list[str] = []
    with watch(tmp_path / "later", 10, "weights", lines.append, interval=0.001):
        pass
    assert lines == []
