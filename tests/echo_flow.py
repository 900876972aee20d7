"""A base flow for tests of evaluations: it answers what the row says."""

from pathlib import Path

FAILS = "fail"
"""The answer of a row that Prompt Flow is to lose."""

FLOW = """\
$schema: https://azuremlschemas.azureedge.net/promptflow/latest/Flow.schema.json
display_name: Base of an evaluation test
description: Answers with what the data say, and fails where they say so.
inputs:
  answer: {type: string}
  completion: {type: object}
outputs:
  answer: {type: string, reference: "${echo.output.answer}"}
  completion: {type: object, reference: "${echo.output.completion}"}
nodes:
- name: echo
  type: python
  source: {type: code, path: echo.py}
  inputs: {answer: "${inputs.answer}", completion: "${inputs.completion}"}
"""
TOOL = f"""\
from promptflow.core import tool


@tool
def echo(answer: str, completion: dict) -> dict:
    if answer == {FAILS!r}:
        raise ValueError("nothing to say")
    return {{"answer": answer, "completion": completion}}
"""


def write_echo_flow(folder: Path) -> Path:
    """Write the flow; its inputs, outputs and columns of the data are `answer` and `completion`."""
    folder.mkdir()
    (folder / "flow.dag.yaml").write_text(FLOW, encoding="utf-8")
    (folder / "echo.py").write_text(TOOL, encoding="utf-8")
    return folder
