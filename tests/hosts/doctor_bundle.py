"""A small bundle without a fault: a chat flow, its evaluation, a shared package, data, a connection template."""

import json
from pathlib import Path

FLOW = """\
$schema: https://azuremlschemas.azureedge.net/promptflow/latest/Flow.schema.json
display_name: Chat
description: Answers.
environment:
  python_requirements_txt: requirements.txt
additional_includes:
- ../../src/shared
inputs:
  question:
    type: string
  chat_history:
    type: list
    is_chat_history: true
    default: []
  model:
    type: string
    default: small
outputs:
  answer:
    type: string
    reference: ${chat.output}
nodes:
- name: system
  type: prompt
  source:
    type: code
    path: system.jinja2
  inputs: {}
- name: chat
  type: python
  source:
    type: code
    path: chat.py
  inputs:
    system: ${system.output}
    question: ${inputs.question}
    chat_history: ${inputs.chat_history}
    model: ${inputs.model}
    connection: ""
"""

EVALUATION = """\
display_name: Chat evaluation
description: Scores.
environment:
  python_requirements_txt: requirements.txt
additional_includes:
- ../../src/shared
inputs:
  answer:
    type: string
  ground_truth:
    type: string
outputs:
  score:
    type: double
    reference: ${score.output}
  row:
    type: object
    reference: ${score.output}
nodes:
- name: score
  type: python
  source:
    type: code
    path: score.py
  inputs:
    answer: ${inputs.answer}
    ground_truth: ${inputs.ground_truth}
- name: aggregate
  type: python
  source:
    type: code
    path: aggregate.py
  inputs:
    scores: ${score.output}
  aggregation: true
"""

RUN = """\
flow: .
data: ../../data/chat/questions.jsonl
column_mapping:
  question: ${data.question}
  model: small
connections:
  chat:
    connection: azure_openai
"""

EVALUATION_RUN = """\
flow: .
data: ../../data/chat/questions.jsonl
column_mapping:
  answer: ${run.outputs.answer}
  ground_truth: ${data.ground_truth}
"""

CHAT = """\
from promptflow.core import tool

from shared.answers import answer


@tool
def chat(system: str, question: str, model: str, chat_history: list = None, connection: object = None) -> str:
    return answer(question)
"""

ANSWERS = """\
from __future__ import annotations

import json

from shared.loading import load


def answer(question: str) -> str:
    return json.dumps(load(question))


def report(question: str) -> str:
    import matplotlib

    return matplotlib.__version__
"""

LOADING = """\
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

try:
    import orjson
except ImportError:
    orjson = None


def load(question: str) -> object:
    import rouge_score

    return rouge_score.name + question


def draw(image: torch.Tensor) -> object:
    import PIL

    return PIL.Image
"""

SCORE = """\
from promptflow.core import tool


@tool
def score(answer: str, ground_truth: str) -> float:
    return float(answer == ground_truth)
"""

AGGREGATE = """\
from promptflow.core import tool


@tool
def aggregate(scores: list) -> float:
    return sum(scores)
"""

EXPERIMENT = """\
tasks:
  chat: {flow: ../flows/chat, data: ../data/chat/questions.jsonl}
contenders:
  small:
    inputs: {model: small}
metrics:
  score: {}
decision: score
"""

ROWS = [
    {"id": "a", "category": "facts", "question": "Which town has the oldest bridge?", "ground_truth": "Aldermoor"},
    {
        "id": "b",
        "category": "extract",
        "question": "Copy the sign: please keep off the wet grass today",
        "ground_truth": "please keep off the wet grass today",
    },
    {
        "id": "c",
        "category": "facts",
        "question": "What is said at the gate?",
        "ground_truth": "mind the gap, please do",
    },
]

PYPROJECT = """\
[project]
name = "shared"
dependencies = [
    "promptflow>=1.18",
]

[project.optional-dependencies]
azure = ["promptflow[azure]>=1.18", "azure-ai-ml>=1.27,<1.33"]
"""

FILES = {
    "flows/chat/flow.dag.yaml": FLOW,
    "flows/chat/chat.py": CHAT,
    "flows/chat/system.jinja2": "Answer.\n",
    "flows/chat/requirements.txt": "promptflow>=1.18\nrouge-score>=0.1\n",
    "flows/chat/run.yaml": RUN,
    "evaluations/chat/flow.dag.yaml": EVALUATION,
    "evaluations/chat/score.py": SCORE,
    "evaluations/chat/aggregate.py": AGGREGATE,
    "evaluations/chat/requirements.txt": "promptflow>=1.18\n",
    "evaluations/chat/run.yaml": EVALUATION_RUN,
    "src/shared/__init__.py": "",
    "src/shared/answers.py": ANSWERS,
    "src/shared/loading.py": LOADING,
    "connections/azure_openai.yaml": 'name: azure_openai\ntype: azure_open_ai\napi_key: "<user-input>"\n',
    "data/chat/questions.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "experiments/chat.yaml": EXPERIMENT,
    "pyproject.toml": PYPROJECT,
}


def write_bundle(root: Path) -> Path:
    """Write the bundle into that folder."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
