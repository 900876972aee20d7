import os
import subprocess
import sys
from pathlib import Path

CODE = """
from promptflow.client import PFClient
from promptflow.entities import AzureOpenAIConnection, OpenAIConnection
from bakeoff.cli import main
from bakeoff.errors import BakeoffError
from bakeoff.hosts.promptflow_connections import get_connection
connections = PFClient().connections
connections.create_or_update(OpenAIConnection(name="mine", api_key="key-1", base_url="http://127.0.0.1:9/v1"))
connections.create_or_update(AzureOpenAIConnection(name="entra", api_base="https://r.example", auth_mode="meid_token"))
print(get_connection("mine").api_key)
assert main(["connections"]) == 0
assert main(["connections", "check", "mine", "--model", "m"]) == 1
import promptflow._sdk._utilities.general_utils as utilities
utilities.ENCRYPTION_KEY_IN_KEY_RING = "x" * 43 + "="
for name in ("other", "mine"):
    try:
        get_connection(name)
    except BakeoffError as error:
        print(error)
"""


def test_connections_as_prompt_flow_keeps_them(tmp_path: Path):
    """In a child: Prompt Flow reads its home when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=os.environ | {"PF_HOME_DIRECTORY": str(tmp_path), "PF_DISABLE_TRACING": "true", "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    key, *listed = done.stdout.splitlines()
    assert key == "key-1", done.stderr
    assert listed[0] == "entra: AzureOpenAIConnection, r.example, Entra ID"
    assert listed[1] == "mine: OpenAIConnection, 127.0.0.1:9, key"
    steps = [line.split(maxsplit=2) for line in listed[2:8]]
    assert [step[:2] for step in steps[:3]] == [["mine"], ["registered", "ok"], ["reachable", "failed"]]
    assert "check the address in connection 'mine'" in steps[2][2]
    unknown, unreadable = listed[-2:]
    assert "no Prompt Flow connection 'other' on this machine (registered: " in unknown
    assert "the key of connection 'mine' cannot be read on this machine" in unreadable
    assert "key-1" not in "".join(listed) + done.stderr
    assert not list(tmp_path.glob("pfs.port"))
