"""What a model may take of this machine."""

from pathlib import Path

import psutil
import pytest

from bakeoff.serving import memory

GB = 10**9


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container with a limit of 4 GB, 3 GB in use and 2 of those pages of files that nobody reads."""
    for name, said in (("max", str(4 * GB)), ("current", str(3 * GB)), ("stat", f"anon {GB}\ninactive_file {2 * GB}")):
        (tmp_path / f"memory.{name}").write_text(f"{said}\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 10 * GB}))
    return tmp_path


def test_files_in_the_page_cache_leave_room(group: Path) -> None:
    assert memory.free() == 3 * GB


@pytest.mark.parametrize(("name", "said"), [("max", "max"), ("current", "rubbish"), ("stat", "anon 1")])
def test_without_a_limit_the_machine_counts(group: Path, name: str, said: str) -> None:
    (group / f"memory.{name}").write_text(said)
    assert memory.free() == 10 * GB
