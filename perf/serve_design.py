"""Which way of answering several requests at once is fastest on a CPU, and whether an answer stays the same.

    python perf/serve_design.py

Greedy answers to 32 questions of data/chat, at most 64 tokens: one generator after another with one and with all
threads; generators in two threads of one process; two forked processes that share the loaded model (one thread each);
2 to 16 answers computed together in plain ONNX Runtime with all threads (bakeoff.models.onnx_batch);
onnxruntime-genai's Engine (static batches). Rounds of all contenders in turn, medians. `same` counts answers that are
token for token those of the first contender.
"""

import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime_genai as og
from rich.console import Console
from rich.table import Table

from bakeoff import catalog
from bakeoff.models.onnx_batch import Batch
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_decoder import Decoder
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
    model = OnnxChatModel(folder, folder.name)
    every = model._runtime
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

    decoder, ends = model.decoder, every.end_tokens
    assert decoder
    contenders: dict[str, Callable[[], Answers]] = {
        "one stream, 1 thread": lambda: [answer(one, ids) for ids in prompts],
        f"one stream, {cores()} threads": lambda: [answer(every, ids) for ids in prompts],
        "2 Python threads": in_threads,
        "2 forked processes": lambda: in_forks(lambda ids: answer(one, ids), prompts, 2),
    }
    for rows in (2, 4, 8, 16):
        contenders[f"{rows} together, {cores()} threads"] = partial(together, decoder, prompts, ends, rows)
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


def together(decoder: Decoder, prompts: Sequence[Ids], ends: Collection[int], most: int) -> Answers:
    """The answers, up to `most` at once, a new one as soon as one has ended."""
    batch, answers = Batch(decoder, most), [list[int]() for _ in prompts]
    waiting, rows = list(range(len(prompts))), list[int]()
    while waiting or rows:
        while waiting and len(rows) < most:
            rows.append(waiting.pop(0))
            answers[rows[-1]].append(int(batch.add(prompts[rows[-1]], 0, MOST).argmax()))
        for i, logits in zip(rows, batch.step([answers[i][-1] for i in rows]), strict=True):
            answers[i].append(int(logits.argmax()))
        for row in [row for row, i in enumerate(rows) if answers[i][-1] in ends or len(answers[i]) == MOST][::-1]:
            batch.remove(row)
            rows[row] = rows[-1]
            rows.pop()
    return [answer[:-1] if answer[-1] in ends else answer for answer in answers]


def engine(folder: Path, ids: Ids) -> str:
    """What the Engine says to one prompt."""
    config = og.Config(str(folder))
    config.overlay('{"engine": {"static_batching": {"max_batch_size": 2}}, "search": {"chunk_size": 0}}')
    running = og.Engine(og.Model(config))
    events, request = running.create_event_buffer(8), running.create_request()
    options = og.TurnOptions(request)
    options.set_max_generated_tokens(4)
    request.begin_turn(np.asarray(ids, np.int32), options)
    said = []
    while running.has_pending_requests():
        found = running.run(events)
        said += [found[i].error_code.name for i in range(len(found))]
    return ", ".join(sorted(set(said)))


if __name__ == "__main__":
    main()
