import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bakeoff import catalog
from bakeoff.errors import InputError, ModelNotFoundError, NotSupportedError
from bakeoff.models import load, onnx_chat
from bakeoff.models.load import load_model
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.openai_chat import OpenAIChatModel


class OpenAIConnection:
    """What Prompt Flow's connection of that name holds."""

    base_url = "http://127.0.0.1:9/v1"
    api_key = "not a secret"
    organization = None


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_local", {})
    monkeypatch.setattr(load, "_remote", [])
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


def test_a_folder_is_loaded_once(tiny_phi3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(str(tiny_phi3))
    assert isinstance(model, OnnxChatModel)
    assert model.identity.name == "tiny-phi3"
    assert load_model(str(tiny_phi3)) is model
    monkeypatch.chdir(tiny_phi3.parent)
    assert load_model("./tiny-phi3") is model


def test_a_gpu_variant_of_the_catalog_runs_on_its_gpu(tiny_phi3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "ensure", lambda *_: tiny_phi3)
    for name, provider in (("phi-4-multimodal-instruct", "cuda"), ("phi-3-mini-4k-instruct-directml", "dml")):
        with pytest.raises(NotSupportedError, match=f"has no {provider}"):
            load_model(name)
    assert load_model("phi-3-mini-4k-instruct").identity.execution_provider == "cpu"
    assert load_model("phi-4-multimodal-instruct", execution_provider="cpu").identity.execution_provider == "cpu"


def test_two_threads_load_once(tiny_phi3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[OnnxChatModel] = []
    both_at_it = threading.Barrier(2)
    second_load = threading.Event()

    class Counted(OnnxChatModel):
        def __init__(self, *args: Any):
            if made:
                second_load.set()
            super().__init__(*args)
            made.append(self)
            second_load.wait(timeout=0.3)

    def run() -> Any:
        both_at_it.wait(timeout=30)
        return load_model(str(tiny_phi3))

    monkeypatch.setattr(onnx_chat, "OnnxChatModel", Counted)
    with ThreadPoolExecutor(2) as pool:
        first, second = [task.result(timeout=60) for task in [pool.submit(run), pool.submit(run)]]
    assert first is second
    assert len(made) == 1


def test_a_connection_gives_a_model_of_its_endpoint() -> None:
    model = load_model("gpt-x", OpenAIConnection())
    assert isinstance(model, OpenAIChatModel)
    assert (model.identity.name, model.identity.provider) == ("gpt-x", "openai")
    assert load_model("gpt-x", OpenAIConnection()) is model
    assert load_model("gpt-y", OpenAIConnection()) is not model


def test_prefixes_take_the_endpoint_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert load_model("openai:gemma3:1b").identity.name == "gemma3:1b"
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://example.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "not a secret")
    model = load_model("azure:gpt-4o")
    assert (model.identity.name, model.identity.provider) == ("gpt-4o", "azure_openai")


def test_a_prefix_without_environment_names_the_variable() -> None:
    with pytest.raises(InputError, match="AZURE_OPENAI_ENDPOINT"):
        load_model("azure:gpt-4o")


def test_names_that_lead_nowhere() -> None:
    with pytest.raises(InputError, match="no model is named"):
        load_model(" ")
    with pytest.raises(ModelNotFoundError, match="smolm2"):
        load_model("smolm2-135m-instruct")
    with pytest.raises(ModelNotFoundError, match="no/such/folder"):
        load_model("./no/such/folder")
