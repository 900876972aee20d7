from collections.abc import Iterator
from pathlib import Path

import pytest
from running_server import Running, running_server
from tiny_phi3v import write_tiny_phi3v

from bakeoff import catalog


@pytest.fixture(scope="session")
def server(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the embedded chat and embedding models, a tiny multimodal one, and a queue of 40."""
    phi3v = write_tiny_phi3v(tmp_path_factory.mktemp("serving") / "tiny-phi3v")
    with running_server(smollm2, catalog.ensure("all-minilm-l6-v2"), phi3v, "--queue", "40") as running:
        yield running
