"""A parallel step of an Azure ML pipeline on this machine: mini-batches of a file's lines, several processes.

What a process does with a mini-batch of a flow is Microsoft's own code, the package promptflow-parallel. As a script it
is the process number `worker` of `workers`, in an environment that has the flow's requirements.
"""

import argparse
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

VERSION = "0.1.0"


def installed(cache: Path) -> Path:
    """A folder for PYTHONPATH with promptflow-parallel, fetched with pip the first time."""
    folder = cache / "test-tools" / f"promptflow-parallel-{VERSION}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--quiet"]
        subprocess.run([*command, "--dest", folder.parent, f"promptflow-parallel=={VERSION}"], check=True)
        (wheel,) = folder.parent.glob("promptflow_parallel-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder


def run_step(
    python: Path,
    flow: Path,
    data: Path,
    output: Path,
    step: Mapping[str, object],
    arguments: list[str],
    env: dict[str, str],
) -> None:
    """Run the step's mini-batches and write `parallel_run_step.jsonl`, the last one first; raises where one fails."""
    output.mkdir(parents=True, exist_ok=True)
    workers = int(step["max_concurrency_per_instance"])
    processes = [
        subprocess.Popen(
            [python, __file__, flow, data, output, str(step["mini_batch_size"]), str(worker), str(workers), *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for worker in range(workers)
    ]
    said = [process.communicate(timeout=300)[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("\n".join(said))
    parts = sorted(output.glob("temp_*"), reverse=True)
    merged = "".join(part.read_text(encoding="utf-8") for part in parts)
    (output / "parallel_run_step.jsonl").write_text(merged, encoding="utf-8")
    for part in parts:
        part.unlink()


def work() -> None:
    """Take every `workers`-th mini-batch."""
    from promptflow.parallel.processor import create_processor

    parser = argparse.ArgumentParser()
    for name in ("flow", "data", "output"):
        parser.add_argument(name, type=Path)
    for name in ("size", "worker", "workers"):
        parser.add_argument(name, type=int)
    options, given = parser.parse_known_args()
    os.chdir(options.flow)
    sys.path.insert(0, str(options.flow))
    processor = create_processor(
        options.flow, ["--input_asset_data", str(options.data), "--output", str(options.output), *given]
    )
    processor.init()
    (table,) = options.data.glob("*.jsonl")
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    for number in range(options.worker, (len(rows) + options.size - 1) // options.size, options.workers):
        first = number * options.size
        context = SimpleNamespace(minibatch_index=number, global_row_index_lower_bound=first)
        lines = processor.process(rows[first : first + options.size], context)
        part = options.output / f"temp_{number:06}_{options.worker}_parallel_run_step.jsonl"
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    processor.finalize()


if __name__ == "__main__":
    work()
