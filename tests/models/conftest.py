"""Local chat models for the tests: the real SmolLM2 and a tiny random Phi-3."""

from pathlib import Path

import pytest
from tiny_phi3 import write_tiny_phi3
from tiny_phi3v import write_tiny_phi3v

from bakeoff.models.onnx_chat import OnnxChatModel


@pytest.fixture(scope="session")
def tiny_phi3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Phi-3 with random weights and a context of 512 tokens."""
    return write_tiny_phi3(tmp_path_factory.mktemp("models") / "tiny-phi3")


@pytest.fixture(scope="session")
def phi3(tiny_phi3: Path) -> OnnxChatModel:
    return OnnxChatModel(tiny_phi3, "tiny-phi3")


@pytest.fixture(scope="session")
def smol(smollm2: Path) -> OnnxChatModel:
    return OnnxChatModel(smollm2, "smollm2")


@pytest.fixture(params=["smol", "phi3"])
def chat(request: pytest.FixtureRequest) -> OnnxChatModel:
    """Each of the two models in turn."""
    model: OnnxChatModel = request.getfixturevalue(request.param)
    return model


@pytest.fixture(scope="session")
def tiny_phi3v(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Phi-3-vision with random weights and a context of 8,192 tokens."""
    return write_tiny_phi3v(tmp_path_factory.mktemp("models") / "tiny-phi3v")


@pytest.fixture(scope="session")
def phi3v(tiny_phi3v: Path) -> OnnxChatModel:
    return OnnxChatModel(tiny_phi3v, "tiny-phi3v")
