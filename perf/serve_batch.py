"""Batches of flows/chat whose workers share one model, against a copy of it in each worker, in the same run.

    python perf/serve_batch.py [--model smollm2-135m-instruct] [--workers 1 2 4 8] [--rounds 2]

48 questions by Prompt Flow. Each batch runs once in every round, left alone, for its speed over all rounds: a machine
that grows slower meets them all. It runs once more for its memory, since looking takes a part of a core.

Memory is the largest proportional set size of all processes of the batch, the shared server's among them, less that of
a hello-world batch with as many workers.
"""

import argparse
import json
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from prompt_flow import SAID, hello_flow, pf, prompt_flow
from rich.console import Console
from rich.table import Table

from bakeoff import catalog
from bakeoff.models.load import load_model
from bakeoff.serving.memory import cores

ROOT = Path(__file__).parent.parent
ROWS = 48
LOOK = 0.1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Console(width=120).print(batch(Path(folder), options.model, options.workers, options.rounds))


@dataclass(frozen=True)
class BatchRun:
    """tokens: of all answers. seconds: from the first row's start to the last one's end. peak: memory in bytes."""

    tokens: int
    seconds: float
    peak: int


def batch(folder: Path, model: str, counts: list[int], rounds: int) -> Table:
    """A row for each number of workers and way of having the model; the ratios are to the first row."""
    prompt_flow(folder)
    chat, hello = folder / "chat.jsonl", hello_flow(folder)
    questions = [json.loads(line) for line in (ROOT / "data/chat/questions.jsonl").open(encoding="utf-8")]
    rows = [row | {"chat_history": [], "model": model} for row in questions[::4][:ROWS]]
    chat.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    load_model(model)
    base = {count: run_batch(folder, hello, chat, count, {}, ("question",)).peak for count in counts}
    columns = ("question", "chat_history", "model")

    def ask(workers: int, shared: bool, watched: bool) -> BatchRun:
        env = {"BAKEOFF_SHARED_MODEL": str(int(shared)), "BAKEOFF_THREADS": str(max(1, cores() // workers))}
        return run_batch(folder, ROOT / "flows/chat", chat, workers, env, columns, watched)

    ways = [(workers, shared) for workers in counts for shared in (False, True)]
    timed = [[ask(*way, watched=False) for way in ways] for _ in range(rounds)]
    speeds = [sum(run.tokens for run in runs) / sum(run.seconds for run in runs) for runs in zip(*timed, strict=True)]
    memory = [ask(*way, watched=True).peak - base[way[0]] for way in ways]
    table = Table("workers", "copies", "tokens/s", "x one worker", "model's memory, MB", "x one copy", title=model)
    for (workers, shared), speed, size in zip(ways, speeds, memory, strict=True):
        table.add_row(
            str(workers),
            "one" if shared else "one a worker",
            f"{speed:.0f}",
            f"{speed / speeds[0]:.2f}",
            f"{size / 1e6:.0f}",
            f"{size / memory[0]:.2f}",
        )
    return table


def run_batch(
    folder: Path,
    flow: Path,
    data: Path,
    workers: int,
    env: dict[str, str],
    columns: tuple[str, ...],
    watched: bool = True,
) -> BatchRun:
    name = f"serve_{datetime.now():%H%M%S_%f}"
    mapping = [f"{column}=${{data.{column}}}" for column in columns]
    limit = ["max_new_tokens=48"] if "chat_history" in columns else []
    command = ["run", "create", "--flow", str(flow), "--data", str(data), "--name", name]
    env = env | {"PF_WORKER_COUNT": str(workers)}
    process = pf(folder, *command, "--column-mapping", *mapping, *limit, env=env)
    peak = 0
    while watched and process.poll() is None:
        peak = max(peak, memory_of(process.pid))
        time.sleep(LOOK)
    process.wait()
    assert process.returncode == 0, (folder / SAID).read_text(encoding="utf-8", errors="replace")[-2000:]
    infos = [
        json.loads(path.read_text(encoding="utf-8"))["run_info"]
        for path in (folder / ".runs" / name / "flow_artifacts").glob("*.jsonl")
    ]
    ends = [datetime.fromisoformat(info["end_time"]) for info in infos]
    starts = [datetime.fromisoformat(info["start_time"]) for info in infos]
    outputs = [info["output"].get("completion", {}) for info in infos]
    assert len(infos) == ROWS
    tokens = sum(output.get("completion_tokens", 0) for output in outputs)
    return BatchRun(tokens, (max(ends) - min(starts)).total_seconds(), peak)


def memory_of(pid: int) -> int:
    """Proportional set size of a process and all below it, and of this user's shared servers."""
    family: dict[int, psutil.Process] = {}
    with suppress(psutil.Error):
        main = psutil.Process(pid)
        family = {p.pid: p for p in (main, *main.children(recursive=True))}
    for path in (catalog.cache.cache_folder() / "servers").glob("*.json"):
        with suppress(psutil.Error, OSError, ValueError):
            server = psutil.Process(json.loads(path.read_text(encoding="utf-8"))["pid"])
            family |= {p.pid: p for p in (server, *server.children(recursive=True))}
    total = 0
    for process in family.values():
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


if __name__ == "__main__":
    main()
