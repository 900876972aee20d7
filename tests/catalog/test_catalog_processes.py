"""Two real processes and one model."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from catalog_helpers import wheel_variant, write_wheel

from bakeoff.catalog import cache, find, pull, state, verify

# Pulls `tiny` with an importer that says so and then waits for a line on its standard input.
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import bakeoff.catalog.gguf
from bakeoff.catalog import entries, pull
from catalog_helpers import genai_files, write_files

def import_gguf(gguf, out, report):
    write_files(out, genai_files())
    print("importing", flush=True)
    sys.stdin.readline()

bakeoff.catalog.gguf.import_gguf = import_gguf
entries.CATALOG_FILE = Path(sys.argv[1])
print(pull("tiny", report=lambda line: print(line, flush=True)), flush=True)
"""


@pytest.fixture
def start(use_catalog: Callable[..., Path], wheels: Path) -> Callable[[], subprocess.Popen[str]]:
    catalog = use_catalog(tiny={"cpu": wheel_variant()})
    write_wheel(wheels)

    def run() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, str(catalog), str(Path(__file__).parent)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    return run


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if text in line:
            return lines
    pytest.fail(f"a process ended without saying {text!r}: {lines}")


def test_two_processes_end_with_one_good_copy(start: Callable[[], subprocess.Popen[str]]) -> None:
    with start() as first:
        read_until(first, "importing")
        with start() as second:
            read_until(second, "another process is pulling tiny: waiting for it")
            out, _ = first.communicate("\n", timeout=60)
            waited, _ = second.communicate("\n", timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    folder = cache.folder_of("tiny")
    assert out.splitlines()[-1] == waited.splitlines()[-1] == str(folder)
    assert "importing" not in waited
    assert verify("tiny") == []
    assert [p.name for p in cache.models_folder().iterdir() if not p.name.startswith(".")] == ["tiny"]
    assert not list((cache.models_folder() / ".staging").iterdir())


def test_a_killed_process_leaves_nothing_that_is_used(
    start: Callable[[], subprocess.Popen[str]], fake_import: list[bytes]
) -> None:
    with start() as first:
        read_until(first, "importing")
        first.kill()
    assert state(find("tiny")) == "not pulled"
    lines: list[str] = []
    pull("tiny", report=lines.append)
    assert "removing what an interrupted pull of tiny left" in lines
    assert len(fake_import) == 1
    assert verify("tiny") == []
