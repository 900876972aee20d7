"""Which way of answering several requests at once is fastest on a CPU, and whether an answer stays the same.

    python perf/serve_design.py

Greedy answers to 32 questions of data/chat, at most 64 tokens: one generator after another with one and with all
threads; generators in two threads of one process; two forked processes that share the loaded model (one thread each);
onnxruntime-genai's Engine (static batches). Rounds of all contenders in turn, medians. `same` counts answers that are
token for token those of the first contender.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime_genai as og
from rich.console import Console
from rich.table import Table

from bakeoff import catalog
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_runtime import genai
from bakeoff.models.onnx_text import Ids
from bakeoff.serving.memory import cores

ROOT = Path(__file__).parent.parent
MOST, ROUNDS = 64, 3
SYSTEM = "You are a helpful assistant. Answer briefly and to the point."
Answers = list[list[int]]


def main() -> None:
    genai()
    folder = catalog.ensure("smollm2-135m-instruct", print)
    os.environ["BAKEOFF_THREADS"] = "1"
    one = OnnxChatModel(folder, folder.name)._runtime
    os.environ["BAKEOFF_THREADS"] = str(cores())
    every = OnnxChatModel(folder, folder.name)._runtime
    rows = [json.loads(line) for line in (ROOT / "data/chat/questions.jsonl").open(encoding="utf-8")][::6][:32]
    prompts = [_prompt(one.tokenizer, row["question"]) for row in rows]

    def answer(runtime: object, ids: Ids) -> list[int]:
        generator = runtime.generator(len(ids) + MOST)
        generator.append_tokens(ids)
        while not generator.is_done():
            generator.generate_next_token()
        return [int(i) for i in generator.get_sequence(0)[len(ids) :]]

    def in_threads() -> Answers:
        with ThreadPoolExecutor(2) as executor:
            return list(executor.map(lambda ids: answer(one, ids), prompts))

    contenders: dict[str, Callable[[], Answers]] = {
        "one stream, 1 thread": lambda: [answer(one, ids) for ids in prompts],
        f"one stream, {cores()} threads": lambda: [answer(every, ids) for ids in prompts],
        "2 Python threads": in_threads,
        "2 forked processes": lambda: in_forks(lambda ids: answer(one, ids), prompts, 2),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    made: dict[str, Answers] = {}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            started = time.perf_counter()
            made[name] = contender()
            seconds[name].append(time.perf_counter() - started)
    reference = made["one stream, 1 thread"]
    tokens = sum(map(len, reference))
    table = Table("contender", "tokens/s", "x one stream, 1 thread", "same")
    for name in contenders:
        speed, first = tokens / median(seconds[name]), tokens / median(seconds["one stream, 1 thread"])
        same = sum(a == b for a, b in zip(made[name], reference, strict=True))
        table.add_row(name, f"{speed:.0f}", f"{speed / first:.2f}", f"{same} of {len(prompts)}")
    table.add_row("Engine, static batches", engine(folder, prompts[0]), "", "")
    Console(width=120).print(table)


def _prompt(tokenizer: object, question: str) -> Ids:
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    return tokenizer.encode(tokenizer.apply_chat_template(json.dumps(turns), add_generation_prompt=True))


def in_forks(answer: Callable[[Ids], list[int]], prompts: Sequence[Ids], count: int) -> Answers:
    """Each process takes every count-th prompt and sends its answers through a pipe."""
    pipes = []
    for first in range(count):
        read, write = os.pipe()
        if os.fork() == 0:
            with os.fdopen(write, "w") as out:
                json.dump([answer(ids) for ids in prompts[first::count]], out)
            os._exit(0)
        os.close(write)
        pipes.append(read)
    answers: Answers = [[] for _ in prompts]
    for first, read in enumerate(pipes):
        with os.fdopen(read) as source:
            answers[first::count] = json.load(source)
    for _ in pipes:
        os.wait()
    return answers


def engine(folder: Path, ids: Ids) -> str:
    """What the Engine says to one prompt."""
    config = og.Config(str(folder))
    config.overlay('{"engine": {"static_batching": {"max_batch_size": 2}}, "search": {"chunk_size": 0}}')
    running = og.Engine(og.Model(config))
    events, request = running.create_event_buffer(8), running.create_request()
    options = og.TurnOptions(request)
    options.set_max_generated_tokens(4)
    request.begin_turn(np.asarray(ids, np.int32), options)
    try:
        while running.has_pending_requests():
            running.run(events)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return "answers"


if __name__ == "__main__":
    main()
