"""Several adapters of one base behind one server, chosen by each request."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import psutil
import pytest
from running_server import Running, running_server
from tiny_finetuning import bakeoff_with, write_definition

pytest.importorskip("torch", reason="the extra `finetune` is not installed")
pytest.importorskip("peft", reason="the extra `finetune` is not installed")

from bakeoff.catalog import ensure
from bakeoff.catalog.tuned import adapter_file
from bakeoff.cli import main
from bakeoff.models.base import Completion, Message, Parameters
from bakeoff.models.load import load_model
from bakeoff.serving.shared import SharedChatModel

BASE, ADAPTERS = "tiny-adapters", ("tiny+one", "tiny+two")
NAMES = (BASE, *ADAPTERS)
TOKENS = 12
QUESTIONS = [f"what about {word}" for word in ("abba", "cab", "dad", "ebb")]


@pytest.fixture(scope="module")
def in_process(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Completion]:
    """What base and adapters answer in this process, by name and question; two adapters are trained for it."""
    for seed, name in enumerate(ADAPTERS):
        folder = tmp_path_factory.mktemp("adapter")
        changes = {"training": {"max_steps": 4}, "export": {"merged": []}}
        definition = write_definition(folder, finetune=name.partition("+")[2], seed=seed, **changes)
        assert main(["finetune", str(definition), "--output", str(folder / "run")]) == 0
    return {(name, q): load_model(name).complete(*asked(q)) for name in NAMES for q in QUESTIONS}


def asked(question: str) -> tuple[list[Message], Parameters]:
    return [Message("user", question)], Parameters(max_new_tokens=TOKENS)


@pytest.fixture(scope="module")
def server(tiny: Path, in_process: object) -> Iterator[Running]:
    with running_server(*ADAPTERS, "--streams", "2", bakeoff=bakeoff_with(tiny)) as running:
        yield running


def ask(client: openai.OpenAI, name: str, question: str, *, stream: bool) -> str:
    messages = [{"role": "user", "content": question}]
    options = {"model": name, "messages": messages, "temperature": 0, "max_tokens": TOKENS}
    if not stream:
        return client.chat.completions.create(**options).choices[0].message.content or ""
    chunks = client.chat.completions.create(**options, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_base_and_adapters_answer_as_in_one_process(
    server: Running, in_process: dict[tuple[str, str], Completion]
) -> None:
    """Side by side, by turns on each of the two streams, whole and streamed."""
    client = server.client()
    turns = [(name, question, stream) for question in QUESTIONS for stream in (False, True) for name in NAMES]
    with ThreadPoolExecutor(4) as executor:
        answers = list(executor.map(lambda turn: ask(client, turn[0], turn[1], stream=turn[2]), turns))
    assert answers == [in_process[name, question].text for name, question, _ in turns]
    for question in QUESTIONS:
        assert len({in_process[name, question].text for name in NAMES}) == len(NAMES)


def test_they_share_one_loaded_base(server: Running) -> None:
    client = server.client()
    assert [model.id for model in client.models.list()] == list(NAMES)
    for name in NAMES:
        ask(client, name, "abba", stream=False)
    assert json.loads(server.get("/health")[1])["models"] == {BASE: "loaded"}
    loaders = [child for child in server.process.children() if "bakeoff.serving.worker" in child.cmdline()]
    assert len(loaders) == 1
    forked = psutil.Process(loaders[0].pid).children()
    assert len(forked) == 1


def test_an_unknown_adapter_is_refused(server: Running) -> None:
    with pytest.raises(openai.NotFoundError, match=r"tiny\+three.*tiny\+one"):
        ask(server.client(), "tiny+three", "abba", stream=False)


def test_the_workers_of_a_batch_share_the_base_too(in_process: dict[tuple[str, str], Completion]) -> None:
    base = SharedChatModel(ensure(BASE), BASE)
    for name in ADAPTERS:
        model = base.with_adapter(name, adapter_file(name))
        found = model.complete(*asked("what about abba"))
        assert found.text == in_process[name, "what about abba"].text
        assert found.model == in_process[name, "what about abba"].model
    assert base.complete(*asked("what about abba")).text == in_process[BASE, "what about abba"].text
