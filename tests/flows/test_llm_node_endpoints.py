"""Prompt Flow's own LLM and embedding tools on llama.cpp's server, behind nginx with Azure's paths and without it."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml
from llama_server import KEY, MODEL, LlamaServer

CODE = """
import json, sys
from promptflow.client import PFClient, load_flow
from promptflow.entities import FlowContext
from promptflow.connections import AzureOpenAIConnection, OpenAIConnection, ServerlessConnection

folder, azure, llama, key = sys.argv[1:]
for connection in (
    AzureOpenAIConnection(name="azure", api_base=azure, api_key=key, api_version="2024-10-21"),
    OpenAIConnection(name="compatible", base_url=f"{llama}/v1", api_key=key),
    ServerlessConnection(name="serverless", api_base=f"{llama}/v1", api_key=key),
):
    PFClient().connections.create_or_update(connection)
flow = load_flow(folder)
flow.context = FlowContext(streaming=True)
answer = flow(topic="cats")
print("answer:" + json.dumps({name: list(output) for name, output in answer.items()}))
"""
PROMPT = "system:\nYou answer in JSON.\n\nuser:\nGive me a person who likes {{topic}}.\n"
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}},
    "required": ["name"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}


def llm(name: str, connection: str, **inputs: Any) -> dict[str, Any]:
    names = {"deployment_name": MODEL} if connection == "azure" else {"model": MODEL}
    return {
        "name": name,
        "type": "llm",
        "source": {"type": "code", "path": f"{name}.jinja2"},
        "inputs": {**names, "temperature": 0, "max_tokens": 40, "topic": "${inputs.topic}", **inputs},
        "connection": connection,
        "api": "chat",
    }


def embedding(name: str, connection: str, **inputs: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "python",
        "source": {"type": "package", "tool": "promptflow.tools.embedding.embedding"},
        "inputs": {"connection": connection, "input": "${inputs.topic}", **inputs},
    }


NODES = [
    llm("streamed", "azure", max_tokens=8),
    llm("json_object", "azure", response_format={"type": "json_object"}),
    llm("json_schema", "compatible", response_format=JSON_SCHEMA),
    llm("serverless", "serverless", max_tokens=8),
    embedding("azure_vector", "azure", deployment_name=MODEL),
    embedding("vector", "serverless", model="text-embedding-ada-002"),
]


@pytest.fixture(scope="module")
def answer(llama: LlamaServer, azure_llama: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The outputs of a flow of NODES by node: the pieces of an answer, or the numbers of a vector."""
    folder = tmp_path_factory.mktemp("llm_nodes")
    flow = {
        "display_name": "Built-in nodes",
        "description": "Chat and embeddings through Azure, OpenAI and serverless connections.",
        "inputs": {"topic": {"type": "string", "is_chat_input": True}},
        "outputs": {
            node["name"]: {"type": "string", "reference": f"${{{node['name']}.output}}"}
            | ({"is_chat_output": True} if node["name"] == "streamed" else {})
            for node in NODES
        },
        "nodes": NODES,
    }
    (folder / "flow.dag.yaml").write_text(yaml.safe_dump(flow), encoding="utf-8")
    for node in NODES:
        if node["type"] == "llm":
            (folder / f"{node['name']}.jinja2").write_text(PROMPT, encoding="utf-8")
    home = folder / "pf_home"
    home.mkdir()
    (home / "pf.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    changes = {
        "PF_HOME_DIRECTORY": str(home),
        "PF_DISABLE_TRACING": "true",
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(home),
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(folder), azure_llama, llama.url, KEY],
        env=os.environ | changes,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert KEY not in said
    return dict(json.loads(done.stdout.split("answer:")[1]))


def test_an_answer_comes_in_pieces(answer: dict[str, Any]) -> None:
    for name in ("streamed", "serverless"):
        assert len(answer[name]) > 1
        assert "".join(answer[name]).strip()
    assert answer["serverless"] == answer["streamed"]


def test_an_answer_is_json(answer: dict[str, Any]) -> None:
    assert isinstance(json.loads("".join(answer["json_object"])), dict)
    assert set(json.loads("".join(answer["json_schema"]))) == {"name"}


def test_embeddings_are_the_same_through_both_doors(answer: dict[str, Any]) -> None:
    assert len(answer["azure_vector"]) == 576
    assert answer["azure_vector"] == pytest.approx(answer["vector"], abs=1e-5)
