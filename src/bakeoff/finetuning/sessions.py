"""What a training run has taken, over all the sessions that it took: a run that was killed goes on in another one."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from bakeoff.json_file import write_json


class Sessions:
    """The sessions of a run, kept in `file`. This one begins now; a killed one counts up to its last `note`.

    wall, cpu: clocks in seconds.
    """

    def __init__(
        self,
        file: Path,
        wall: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ):
        self._file, self._wall, self._cpu = file, wall, cpu
        self._earlier: list[dict[str, float]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
        self._started = wall(), cpu()

    def note(self) -> None:
        """Write down what this session has taken until now."""
        write_json(self._file, [*self._earlier, self._this()])

    def spent(self) -> dict[str, float]:
        """Sessions, and `seconds` and `cpu_seconds` of all of them together."""
        every = [*self._earlier, self._this()]
        total = {key: sum(one[key] for one in every) for key in ("seconds", "cpu_seconds")}
        return {"sessions": len(every), **total}

    def _this(self) -> dict[str, float]:
        wall, cpu = self._started
        return {"seconds": self._wall() - wall, "cpu_seconds": self._cpu() - cpu}
