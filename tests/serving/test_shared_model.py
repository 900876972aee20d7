"""One copy of a model for many processes."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from running_server import is_alive, until
from tiny_phi3 import write_tiny_phi3

from bakeoff.errors import BakeoffError, InputError, ModelCorruptError, PromptTooLongError
from bakeoff.models.base import Completion, Message, Parameters
from bakeoff.models.load import load_model
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.serving import memory, shared_address
from bakeoff.serving.shared import SharedChatModel, is_wanted

ROWS, ALONE = 200, 50
BRIEF = Parameters(max_new_tokens=3)
LOADS = """
import os, sys
from bakeoff.models.base import Message, Parameters
from bakeoff.models.load import load_model
model = load_model(sys.argv[1])
completion = model.complete([Message("user", "the answer")], Parameters(max_new_tokens=4))
print(type(model).__name__, completion.text, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of its own, so that no other server is found."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("BAKEOFF_CACHE", str(folder))
        patch.setattr(memory, "cores", lambda: 2)  # so that a server has two processes, wherever this runs
        yield folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_phi3(tmp_path_factory.mktemp("shared") / "tiny-phi3")


@pytest.fixture(scope="module")
def shared(cache: Path, smollm2: Path) -> SharedChatModel:
    return SharedChatModel(smollm2, "smollm2")


@pytest.fixture(scope="module")
def copy(smollm2: Path) -> Iterator[OnnxChatModel]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_THREADS", "1")
        yield OnnxChatModel(smollm2, "smollm2")


def without_times(completion: Completion) -> Completion:
    return replace(completion, time_to_first_token=None, total_time=0.0)


def records(cache: Path, name: str = "") -> list[dict[str, int]]:
    return [json.loads(path.read_text()) for path in (cache / "servers").glob(f"{name}*.json")]


def test_a_rows_answer_does_not_depend_on_the_rows_beside_it(shared: SharedChatModel, copy: OnnxChatModel) -> None:
    numbers = random.Random(7)
    brief = Message("system", "Be brief.")
    rows = [[brief, Message("user", f"What is {numbers.randint(2, 99)} times {i}?")] for i in range(ROWS)]
    with ThreadPoolExecutor(8) as executor:
        together = list(executor.map(lambda row: shared.complete(row, BRIEF), rows))
    alone = [copy.complete(row, BRIEF) for row in rows[:: ROWS // ALONE]]
    assert [without_times(c) for c in together[:: ROWS // ALONE]] == [without_times(c) for c in alone]
    assert len({completion.text for completion in together}) > 3
    assert all(0 < (c.time_to_first_token or 0) < c.total_time for c in together)


def test_an_answer_under_a_schema_comes_beside_those_written_together(
    shared: SharedChatModel, copy: OnnxChatModel
) -> None:
    colour = Parameters(max_new_tokens=12, json_schema={"enum": ["red", "a dark and stormy green"]})
    drawn = Parameters(max_new_tokens=12, temperature=0.8, top_p=0.9, seed=11)
    asked = [([Message("user", "Name a colour.")], (colour, drawn, BRIEF)[i % 3]) for i in range(9)]
    with ThreadPoolExecutor(6) as executor:
        together = list(executor.map(lambda row: shared.complete(*row), asked))
    assert [without_times(c) for c in together[:3]] == [without_times(copy.complete(*row)) for row in asked[:3]]
    assert [without_times(c) for c in together] == [without_times(c) for c in together[:3]] * 3


def test_it_does_all_that_a_copy_does(shared: SharedChatModel, copy: OnnxChatModel) -> None:
    assert (shared.identity, shared.context_length) == (copy.identity, copy.context_length)
    assert shared.count_tokens("a red <|im_end|> bicycle") == copy.count_tokens("a red <|im_end|> bicycle")
    scores = shared.loglikelihood("The capital of France is", [" Paris", " Rome"])
    assert [s.logprob for s in scores] == pytest.approx(
        [s.logprob for s in copy.loglikelihood("The capital of France is", [" Paris", " Rome"])]
    )
    with pytest.raises(PromptTooLongError, match="the prompt has"):
        shared.complete([Message("user", "word " * 20_000)])
    with pytest.raises(InputError, match="the question is empty"):
        shared.complete([Message("user", " ")])


def test_a_killed_server_is_replaced_and_what_was_under_way_is_asked_again(
    shared: SharedChatModel, cache: Path
) -> None:
    story = [Message("user", "Tell me a long story about the sea.")]
    (record,) = records(cache, "smollm2")
    server = psutil.Process(record["pid"])
    family = [server, *server.children(recursive=True)]
    with ThreadPoolExecutor(4) as executor:
        answers = [executor.submit(shared.complete, story, Parameters(max_new_tokens=40)) for _ in range(4)]
        until(lambda: sum(c.status == psutil.CONN_ESTABLISHED for c in server.net_connections()) >= 4)
        os.kill(server.pid, signal.SIGKILL)
        texts = {answer.result().text for answer in answers}
    assert len(texts) == 1
    (new,) = records(cache, "smollm2")
    assert new["pid"] != record["pid"]
    until(lambda: not any(is_alive(process) for process in family))


@pytest.fixture(scope="module")
def one_by_one(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> SharedChatModel:
    """A model whose answers cannot be written together."""
    folder = write_tiny_phi3(tmp_path_factory.mktemp("alone") / "one-by-one")
    config = json.loads((folder / "genai_config.json").read_text())
    config["search"]["past_present_share_buffer"] = False
    (folder / "genai_config.json").write_text(json.dumps(config))
    return SharedChatModel(folder, "one-by-one")


def test_processes_share_a_model_that_answers_one_by_one(one_by_one: SharedChatModel, cache: Path) -> None:
    (record,) = records(cache, "one-by-one")
    assert len(psutil.Process(record["pid"]).children()) == 1
    rows = [[Message("user", f"what is {i} of the world")] for i in range(24)]
    with ThreadPoolExecutor(6) as executor:
        together = list(executor.map(lambda row: one_by_one.complete(row, BRIEF), rows))
    copy = OnnxChatModel(one_by_one._folder, "one-by-one")
    assert [without_times(c) for c in together] == [without_times(copy.complete(row, BRIEF)) for row in rows]


def test_a_server_that_loses_one_process_is_replaced_whole(one_by_one: SharedChatModel, cache: Path) -> None:
    one_by_one.count_tokens("a")
    (record,) = records(cache, "one-by-one")
    server = psutil.Process(record["pid"])
    (stream,) = server.children()
    stream.kill()
    until(lambda: not is_alive(server))
    assert one_by_one.count_tokens("a question") == 2
    assert [new["pid"] == record["pid"] for new in records(cache, "one-by-one")] == [False]


def test_who_has_no_token_gets_nothing_and_stops_nobody(shared: SharedChatModel, cache: Path) -> None:
    shared.count_tokens("a")
    (record,) = records(cache, "smollm2")
    asked = {"kind": "count_tokens", "text": "a", "token": "wrong"}
    for line in (json.dumps(asked).encode(), b"", b"[1]", b"\xff\x00", b"GET / HTTP/1.1"):
        with socket.create_connection(("127.0.0.1", record["port"])) as connection:
            connection.sendall(line + b"\n")
            assert connection.recv(100) == b""
    assert shared.count_tokens("a red bicycle") == 3
    assert records(cache, "smollm2") == [record]


def test_ten_processes_at_once_start_one_server_and_leave_none(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADS, str(tiny)]
    env = os.environ | {"BAKEOFF_CACHE": str(tmp_path), "BAKEOFF_SHARED_MODEL": "1"}
    clients = [
        subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(10)
    ]
    said = {client.stdout.readline() for client in clients if client.stdout}
    (answer,) = said
    assert answer.startswith("SharedChatModel ")
    (record,) = records(tmp_path)
    server = psutil.Process(record["pid"])
    family = [server, *server.children(recursive=True)]
    for client in clients:
        client.kill()
        client.communicate()
    until(lambda: not any(is_alive(process) for process in family))
    assert records(tmp_path) == []


def test_where_no_server_can_be_started_the_process_loads_a_copy(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("BAKEOFF_SHARED_MODEL", "1")
    folder = write_tiny_phi3(tmp_path / "copy")
    assert isinstance(load_model(str(folder)), OnnxChatModel)
    assert isinstance(load_model(str(folder)), OnnxChatModel)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "not shared" in line]
    assert "cannot be made" in line


def test_no_room_is_said_before_anything_starts(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path))
    monkeypatch.setattr(memory, "free", lambda: 10_000_000)
    with pytest.raises(BakeoffError, match=r"tiny-phi3 needs about 0\.\d GB with \d streams, and there are 0\.0 GB"):
        SharedChatModel(tiny, "tiny-phi3")
    assert not list(tmp_path.glob("servers/*.log"))


def test_a_model_that_cannot_be_loaded_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path))
    monkeypatch.setenv("BAKEOFF_SHARED_MODEL", "1")
    folder = write_tiny_phi3(tmp_path / "damaged")
    (folder / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelCorruptError, match="cannot be loaded"):
        load_model(str(folder))


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_wanted()
    monkeypatch.setenv("BAKEOFF_SHARED_MODEL", "1")
    assert is_wanted()
    monkeypatch.setenv("BAKEOFF_SHARED_MODEL", "yes")
    with pytest.raises(InputError, match="'yes'"):
        is_wanted()


def test_a_stale_record_is_no_server(tmp_path: Path) -> None:
    record = tmp_path / "model.json"
    record.write_text('{"pid": 1}')
    assert shared_address.read_record(record) is None
    record.write_text(json.dumps({"pid": 2**22 + 1, "port": 1, "token": "", "facts": {}}))
    assert shared_address.read_record(record) is None


def test_a_worker_that_shares_its_model_loads_no_numpy() -> None:
    """Six megabytes for each of a batch's workers (perf/serve.py)."""
    code = (
        "import sys, bakeoff.hosts.promptflow_chat, bakeoff.serving.shared;"
        "print([m for m in ('numpy', 'onnxruntime_genai', 'tokenizers') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
