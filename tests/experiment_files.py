"""A bundle with a flow that needs no model, for experiments on it."""

import json
from pathlib import Path

import yaml

WORDS = [f"w{number:02}" for number in range(10)]

FLOW = {
    "display_name": "Tiny",
    "description": "Repeats a word, or does not.",
    "inputs": {
        "word": {"type": "string"},
        "mode": {"type": "string", "default": "right"},
        "state": {"type": "string", "default": ""},
    },
    "outputs": {"answer": {"type": "string", "reference": "${say.output}"}},
    "nodes": [
        {
            "name": "say",
            "type": "python",
            "source": {"type": "code", "path": "say.py"},
            "inputs": {"word": "${inputs.word}", "mode": "${inputs.mode}", "state": "${inputs.state}"},
        }
    ],
}

SAY = """
import time
from pathlib import Path

from promptflow.core import tool


@tool
def say(word: str, mode: str, state: str) -> str:
    with Path(f"{state}-asked-{mode}").open("a") as log:
        log.write(word + "\\n")
    if word in ("w03", "w07") and Path(f"{state}-broken").exists():
        raise ValueError(f"no answer for {word}")
    while word >= "w05" and Path(f"{state}-hold").exists():
        time.sleep(0.05)
    return word if mode == "right" or word < "w04" else "wrong"
"""

EVALUATION = {
    "display_name": "Tiny evaluation",
    "description": "Is it the word?",
    "inputs": {
        "answer": {"type": "string"},
        "truth": {"type": "string"},
        "expected_rows": {"type": "int", "default": 0},
    },
    "outputs": {"row": {"type": "object", "reference": "${score.output}"}},
    "nodes": [
        {
            "name": "score",
            "type": "python",
            "source": {"type": "code", "path": "score.py"},
            "inputs": {"answer": "${inputs.answer}", "truth": "${inputs.truth}"},
        },
        {
            "name": "aggregate",
            "type": "python",
            "source": {"type": "code", "path": "aggregate.py"},
            "inputs": {"rows": "${score.output}", "expected": "${inputs.expected_rows}"},
            "aggregation": True,
        },
    ],
}

SCORE = """
from promptflow.core import tool

from bakeoff.metrics.rows import scored


@tool
def score(answer: str, truth: str) -> dict:
    return {"outcome": "answered"} | scored(answer == truth, passed=answer == truth).fields("match")
"""

AGGREGATE = """
from promptflow.core import log_metric, tool


@tool
def aggregate(rows: list, expected: list) -> None:
    log_metric("rows_at_hand", len(rows))
    log_metric("rows_told", max(expected))
"""

EXPERIMENT = {
    "tasks": {"tiny": {"flow": "../flows/tiny"}},
    "contenders": {"right": {}, "half": {"inputs": {"mode": "half"}}},
    "metrics": {"match": {"kind": "pass_fail"}},
    "decision": "match",
}


def write_bundle(root: Path) -> None:
    """flows/tiny, evaluations/tiny and data/tiny.jsonl.

    The flow logs what it is asked in root/state-asked-MODE, fails on two words while root/state-broken is there, and
    waits with half of them while root/state-hold is.
    """
    mapping = {"word": "${data.word}", "state": str(root / "state")}
    scoring = {"answer": "${run.outputs.answer}", "truth": "${data.truth}"}
    for folder, flow, run, nodes in (
        ("flows/tiny", FLOW, mapping, {"say.py": SAY}),
        ("evaluations/tiny", EVALUATION, scoring, {"score.py": SCORE, "aggregate.py": AGGREGATE}),
    ):
        place = root / folder
        place.mkdir(parents=True)
        (place / "flow.dag.yaml").write_text(yaml.safe_dump(flow, sort_keys=False))
        specification = {
            "flow": ".",
            "data": "../../data/tiny.jsonl",
            "column_mapping": run,
            "environment_variables": {"PF_WORKER_COUNT": "1"},
        }
        (place / "run.yaml").write_text(yaml.safe_dump(specification))
        for name, code in nodes.items():
            (place / name).write_text(code)
    (root / "data").mkdir()
    write_data(root, [{"id": w, "category": "ab"[n % 2], "word": w, "truth": w} for n, w in enumerate(WORDS)])


def write_data(root: Path, rows: list[dict[str, object]]) -> None:
    (root / "data/tiny.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_experiment(root: Path, **changes: object) -> Path:
    """experiments/tiny.yaml with other fields; the path of it."""
    path = root / "experiments/tiny.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(EXPERIMENT | changes, sort_keys=False))
    return path
