"""What `bakeoff run` adds to the bare `pf run create` commands that it makes: time and memory.

    python perf/bakeoff_overhead.py [--experiment experiments/chat.yaml] [--limit N] [--rounds 2]

First the experiment runs with an empty cache of answers, then each of its runs again by `pf` alone, on the same rows
with the same workers. Memory is the proportional set size of all processes, the shared model server's among them, the
largest sum seen. "between runs" is the time of `bakeoff run` in which no run was going. On a busy machine both walls
are what the others leave; the processor time of the command's own process is not.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
import yaml
from rich.console import Console
from rich.table import Table

from bakeoff.catalog.cache import cache_folder
from bakeoff.hosts.experiment_watch import children_mb
from bakeoff.hosts.worker_plan import plan_workers

ROOT = Path(__file__).parent.parent
LOOK, MEASURE = 0.1, 1.0


@dataclass
class Used:
    """seconds: wall. waiting: of them without a Prompt Flow run. own_cpu: processor seconds of the command's own
    process. peak_mb: of all processes; own_mb: of the command's own process while a run was going."""

    seconds: float = 0.0
    waiting: float = 0.0
    own_cpu: float = 0.0
    peak_mb: float = 0.0
    own_mb: float = 0.0


def watched(command: list[str], environment: Mapping[str, str]) -> Used:
    """Run a command to its end, looking at it all the while."""
    used, measure_at, begun = Used(), 0.0, time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output)
        family = psutil.Process(process.pid)
        last = begun
        while process.poll() is None:
            time.sleep(LOOK)
            now = time.monotonic()
            with suppress(psutil.Error):
                running = bool(family.children())
                times = family.cpu_times()
                used.own_cpu = max(used.own_cpu, times.user + times.system)
                used.waiting += 0.0 if running else now - last
                if now >= measure_at:
                    used.peak_mb = max(used.peak_mb, children_mb())
                    if running:
                        used.own_mb = max(used.own_mb, family.memory_full_info().pss / 1e6)
                    measure_at = time.monotonic() + MEASURE
            last = now
        used.seconds = time.monotonic() - begun
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{output.read().decode()[-3000:]}")
    return used


def bare(run_file: Path, scratch: Path) -> Used:
    """The same run by `pf` alone."""
    specification = yaml.safe_load(run_file.read_text(encoding="utf-8"))
    data = run_file.parent / specification["data"]
    rows = sum(1 for line in data.read_text(encoding="utf-8").splitlines() if line.strip())
    plan = plan_workers(specification, rows)
    environment = {**specification["environment_variables"], **plan.environment}
    file = scratch / "run.yaml"
    file.write_text(yaml.safe_dump(specification | {"data": str(data), "environment_variables": environment}))
    name = f"bare_{datetime.now().strftime('%Y%m%d_%H%M%S_%f')}"
    return watched(
        [str(Path(sys.executable).with_name("pf")), "run", "create", "--file", str(file), "--name", name], {}
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", default="experiments/chat.yaml")
    parser.add_argument("--limit", type=int, help="rows of each task")
    parser.add_argument("--rounds", type=int, default=2, help="of `bakeoff run` and `pf` in turn; default: 2")
    options = parser.parse_args()
    ours, alone = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            run, runs = one_round(Path(folder), options.experiment, options.limit)
        ours.append(run)
        alone.append(runs)
    wall, bare_wall = sum(run.seconds for run in ours), sum(run.seconds for runs in alone for run in runs)
    peak, bare_peak = max(run.peak_mb for run in ours), max(run.peak_mb for runs in alone for run in runs)
    waiting, own_cpu = sum(run.waiting for run in ours), sum(run.own_cpu for run in ours)
    title = f"{options.experiment}, {options.rounds} x {len(alone[0])} runs, {psutil.cpu_count()} cores"
    table = Table("", "wall", "memory", title=title)
    table.add_row("bakeoff run", f"{wall:.1f} s", f"{peak:,.0f} MB")
    table.add_row("its runs by pf alone", f"{bare_wall:.1f} s", f"{bare_peak:,.0f} MB")
    table.add_row("difference", f"{(wall / bare_wall - 1):+.1%}", f"{peak - bare_peak:+,.0f} MB")
    own = max(run.own_mb for run in ours)
    table.add_row("between runs; own process", f"{waiting:.1f} s ({waiting / bare_wall:.1%})", f"{own:,.0f} MB")
    table.add_row("own process, CPU", f"{own_cpu:.1f} s ({own_cpu / bare_wall:.1%})", "")
    Console(width=100).print(table)


def one_round(folder: Path, experiment: str, limit: int | None) -> tuple[Used, list[Used]]:
    """The experiment with an empty cache of answers, then each of its runs by `pf` alone."""
    cache = folder / "cache"
    cache.mkdir()
    (cache / "models").symlink_to(cache_folder() / "models")
    command = [str(Path(sys.executable).with_name("bakeoff")), "run", experiment, "--output", f"{folder}/out"]
    command += ["--limit", str(limit)] if limit else []
    ours = watched(command, {"BAKEOFF_CACHE": str(cache)})
    files = sorted((cache / "experiments").glob("*/*/run.yaml"), key=lambda path: path.stat().st_mtime)
    return ours, [bare(file, folder) for file in files]


if __name__ == "__main__":
    main()
