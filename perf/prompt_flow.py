"""Prompt Flow in processes of its own, and a hello-world flow as the peer of ours."""

import os
import subprocess
import sys
from pathlib import Path

SAID = "said.txt"
HELLO = """display_name: Hello
description: Says hello.
inputs: {question: {type: string}}
outputs: {answer: {type: string, reference: "${hello.output}"}}
nodes:
- {name: hello, type: python, source: {type: code, path: hello.py}, inputs: {question: "${inputs.question}"}}
"""
HELLO_PY = """from promptflow.core import tool


@tool
def hello(question: str) -> str:
    return f"Hello, {question}"
"""


def prompt_flow(folder: Path) -> None:
    (folder / "pf.yaml").write_text("telemetry: {enabled: false}\ntrace: {destination: none}\n", encoding="utf-8")


def hello_flow(folder: Path) -> Path:
    flow = folder / "hello"
    flow.mkdir()
    (flow / "flow.dag.yaml").write_text(HELLO, encoding="utf-8")
    (flow / "hello.py").write_text(HELLO_PY, encoding="utf-8")
    return flow


def pf(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Prompt Flow in a process of its own; what it says goes into the file SAID of `folder`."""
    with (folder / SAID).open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "promptflow._cli.pf", *arguments],
            env=os.environ | {"PF_HOME_DIRECTORY": str(folder)} | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
