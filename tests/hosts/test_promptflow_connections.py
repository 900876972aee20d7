import os
import subprocess
import sys
from pathlib import Path

CODE = """
from promptflow.client import PFClient
from promptflow.entities import OpenAIConnection
from bakeoff.errors import InputError
from bakeoff.hosts.promptflow_connections import get_connection
PFClient().connections.create_or_update(OpenAIConnection(name="mine", api_key="key-1"))
print(get_connection("mine").api_key)
try:
    get_connection("other")
except InputError as error:
    print(error)
"""


def test_a_registered_connection_has_its_key_and_an_unknown_one_names_those_there_are(tmp_path: Path):
    """In a child: Prompt Flow reads its home when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=os.environ | {"PF_HOME_DIRECTORY": str(tmp_path), "PF_DISABLE_TRACING": "true"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    key, message = done.stdout.splitlines()
    assert key == "key-1"
    assert "no Prompt Flow connection 'other' on this machine (registered: mine)" in message
    assert "key-1" not in message
    assert not list(tmp_path.glob("pfs.port"))
