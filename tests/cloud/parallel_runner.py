"""A parallel step of an Azure ML pipeline on this machine: mini-batches of a file's lines, several processes.

What a process does with a mini-batch of a flow is Microsoft's own code, the package promptflow-parallel. `work` runs
where the flow's requirements are installed.
"""

import argparse
import importlib
import json
import multiprocessing
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pkgutil import extend_path
from types import SimpleNamespace

from warm_python import WarmPython

VERSION = "0.1.0"


def installed(cache: Path) -> Path:
    """A folder of modules with promptflow-parallel, fetched with pip the first time."""
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
    python: WarmPython,
    package: Path,
    flow: Path,
    data: Path,
    output: Path,
    step: Mapping[str, object],
    arguments: list[str],
    env: Mapping[str, str],
) -> None:
    """Run the step's mini-batches and write `parallel_run_step.jsonl`, the last one first; raises where one fails.

    package: the folder with promptflow-parallel.
    """
    output.mkdir(parents=True, exist_ok=True)
    given = [flow, data, output, step["mini_batch_size"], step["max_concurrency_per_instance"], *arguments]
    paths = [Path(__file__).parent, package]
    done = python.run("parallel_runner", given, env, flow, function="work", paths=paths)
    if done.status:
        raise RuntimeError(done.said)
    parts = sorted(output.glob("temp_*"), reverse=True)
    merged = "".join(part.read_text(encoding="utf-8") for part in parts)
    (output / "parallel_run_step.jsonl").write_text(merged, encoding="utf-8")
    for part in parts:
        part.unlink()


def work() -> int:
    """Share the mini-batches among processes; 1 where one of them fails."""
    import promptflow

    parser = argparse.ArgumentParser()
    for name in ("flow", "data", "output"):
        parser.add_argument(name, type=Path)
    for name in ("size", "workers"):
        parser.add_argument(name, type=int)
    options, given = parser.parse_known_args()
    sys.path.insert(0, str(options.flow))
    promptflow.__path__ = extend_path(promptflow.__path__, promptflow.__name__)  # it was imported without that package
    importlib.import_module("promptflow.parallel.processor")
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_take, args=(options, given, number)) for number in range(options.workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
    return int(any(process.exitcode != 0 for process in processes))


def _take(options: argparse.Namespace, given: list[str], worker: int) -> None:
    """Every mini-batch of that worker."""
    from promptflow.parallel.processor import create_processor

    processor = create_processor(
        options.flow, ["--input_asset_data", str(options.data), "--output", str(options.output), *given]
    )
    processor.init()
    (table,) = options.data.glob("*.jsonl")
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    for number in range(worker, (len(rows) + options.size - 1) // options.size, options.workers):
        first = number * options.size
        context = SimpleNamespace(minibatch_index=number, global_row_index_lower_bound=first)
        lines = processor.process(rows[first : first + options.size], context)
        part = options.output / f"temp_{number:06}_{worker}_parallel_run_step.jsonl"
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    processor.finalize()
