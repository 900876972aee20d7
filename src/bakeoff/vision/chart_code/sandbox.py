"""Run the code of one chart in a process of its own and bring back what it drew."""

import base64
import binascii
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bakeoff.errors import BakeoffError
from bakeoff.vision.chart_code.chart import ChartData, read_chart

MAX_POINTS, MAX_CHARACTERS = 1_000, 500

_SOURCE = Path(__file__).parents[3]
_START = "import sys; sys.path.append(sys.argv[1]); from bakeoff.vision.chart_code.child import main; main()"


class ChartCodeError(BakeoffError):
    """The code drew no chart. kind: `error` (it raised), `denied`, `memory`, `time`, or `output` (unreadable)."""

    def __init__(self, kind: Literal["error", "denied", "memory", "time", "output"], message: str):
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Drawing:
    """What code drew: its data and a PNG of it; and the layers of `lockdown` that were in force."""

    chart: ChartData
    png: bytes = field(repr=False)
    layers: tuple[str, ...]


def run_code(
    code: str, *, timeout: float = 60, cpu_seconds: int = 5, memory_bytes: int = 1 << 30, output_bytes: int = 8 << 20
) -> Drawing:
    """Draw the first figure of the code; call `parse.check_code` first: this is the second line of defence.

    The process has an empty working folder, a minimal environment and what `lockdown` leaves it; it and all it
    started are killed after `timeout` seconds, of which most are for a busy machine: `cpu_seconds` are what the code
    itself may use. Raises ChartCodeError where no chart comes back.
    """
    order = {"code": code, "memory_bytes": memory_bytes, "cpu_seconds": cpu_seconds, "file_bytes": output_bytes}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        given.write(json.dumps(order).encode())
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(_SOURCE)],
            stdin=given,
            stdout=made,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ChartCodeError("time", f"the code ran for more than {timeout:g} seconds") from None
        finally:
            _kill(process)
        made.seek(0)
        answer = made.read(output_bytes)
    if status:
        raise _ended(status, cpu_seconds)
    return _drawing(answer)


def _environment(folder: str) -> dict[str, str]:
    """Only what matplotlib needs; its font cache is shared, so that it is not built anew for every chart."""
    import matplotlib

    return {
        "HOME": folder,
        "MPLCONFIGDIR": matplotlib.get_cachedir(),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
        "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    else:
        process.kill()
    process.wait()


def _ended(status: int, cpu_seconds: int) -> ChartCodeError:
    if -status in (getattr(signal, "SIGXCPU", None), getattr(signal, "SIGKILL", None)):
        return ChartCodeError("time", f"the code used more than {cpu_seconds} seconds of processor time")
    return ChartCodeError("output", f"the process of the code ended with status {status} and told of no chart")


def _drawing(printed: bytes) -> Drawing:
    try:
        answer: dict[str, Any] = json.loads(printed)
        if "error" in answer:
            raise _raised(*answer["error"])
        png = base64.b64decode(answer["png"], validate=True)
        chart = read_chart(answer["chart"])
        _check_size(chart)
        return Drawing(chart, png, tuple(map(str, answer["layers"])))
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError) as error:
        raise ChartCodeError("output", f"the process of the code printed no chart: {error}") from error


def _check_size(chart: ChartData) -> None:
    """What comes back is compared name by name, so a flood of names would stall the comparison."""
    names = [x for series in chart.series for x in (series.name, *series.x)]
    texts = [chart.title, chart.x_label, chart.y_label, *(name for name in names if isinstance(name, str))]
    if len(names) > MAX_POINTS or max(map(len, texts)) > MAX_CHARACTERS:
        raise ChartCodeError(
            "output", f"the chart has more than {MAX_POINTS} points or a text of more than {MAX_CHARACTERS} characters"
        )


def _raised(name: str, message: str) -> ChartCodeError:
    kinds: dict[str, Literal["memory", "denied"]] = {"MemoryError": "memory", "PermissionError": "denied"}
    return ChartCodeError(kinds.get(name, "error"), f"the code raised {name}: {message}")
