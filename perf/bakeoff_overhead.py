"""What `bakeoff run` adds to the bare `pf run create` commands that it makes: time and memory.

    python perf/bakeoff_overhead.py [--experiment experiments/chat.yaml] [--limit N]

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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        cache.mkdir()
        (cache / "models").symlink_to(cache_folder() / "models")
        command = [
            str(Path(sys.executable).with_name("bakeoff")),
            "run",
            options.experiment,
            "--output",
            f"{folder}/out",
        ]
        command += ["--limit", str(options.limit)] if options.limit else []
        ours = watched(command, {"BAKEOFF_CACHE": str(cache)})
        files = sorted((cache / "experiments").glob("*/*/run.yaml"), key=lambda path: path.stat().st_mtime)
        alone = [bare(file, Path(folder)) for file in files]
    seconds, peak = sum(one.seconds for one in alone), max(one.peak_mb for one in alone)
    table = Table("", "wall", "memory", title=f"{options.experiment}, {len(files)} runs, {psutil.cpu_count()} cores")
    table.add_row("bakeoff run", f"{ours.seconds:.1f} s", f"{ours.peak_mb:,.0f} MB")
    table.add_row("its runs by pf alone", f"{seconds:.1f} s", f"{peak:,.0f} MB")
    table.add_row("difference", f"{(ours.seconds / seconds - 1):+.1%}", f"{ours.peak_mb - peak:+,.0f} MB")
    table.add_row(
        "waiting; own process", f"{ours.waiting:.1f} s ({ours.waiting / seconds:.1%})", f"{ours.own_mb:,.0f} MB"
    )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
