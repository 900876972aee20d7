"""A flow with Prompt Flow's built-in LLM node on a local model behind `bakeoff serve`, through the real `pf`."""

import json
from pathlib import Path
from typing import Any

import yaml
from running_server import running_server

ROOT = Path(__file__).parents[2]
FLOW: dict[str, Any] = {
    "display_name": "Built-in LLM node",
    "description": "Asks a local model through the connection local_server.",
    "inputs": {"question": {"type": "string"}},
    "outputs": {"answer": {"type": "string", "reference": "${ask.output}"}},
    "nodes": [
        {
            "name": "ask",
            "type": "llm",
            "source": {"type": "code", "path": "ask.jinja2"},
            "inputs": {
                "model": "smollm2-135m-instruct",
                "temperature": 0,
                "max_tokens": 32,
                "question": "${inputs.question}",
            },
            "connection": "local_server",
            "api": "chat",
        }
    ],
}
PROMPT = """system:
You are a helpful assistant. Answer briefly and to the point.

user:
{{question}}
"""


def test_the_llm_node_answers_by_a_local_model(pf: Any, smollm2: Path, tmp_path: Path) -> None:
    (tmp_path / "flow.dag.yaml").write_text(yaml.safe_dump(FLOW), encoding="utf-8")
    (tmp_path / "ask.jinja2").write_text(PROMPT, encoding="utf-8")
    keys = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring", "XDG_DATA_HOME": str(tmp_path / "keys")}
    template = ROOT / "connections" / "local_server.yaml"
    with running_server(smollm2, env={"BAKEOFF_SERVE_TOKEN": "secret-9"}) as running:
        values = (f"base_url={running.url}", "api_key=secret-9")
        pf("connection", "create", "--file", template, "--set", *values, env=keys)
        done = pf("flow", "test", "--flow", tmp_path, "--inputs", "question=What is the capital of France?", env=keys)
    assert json.loads(done.stdout[done.stdout.index("\n{\n") :])["answer"] == "The capital of France is Paris."
    assert "secret-9" not in done.stdout + done.stderr
