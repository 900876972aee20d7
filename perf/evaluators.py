"""Evaluation rows a second: evaluations/chat as a Prompt Flow batch, and Microsoft's evaluators on the same rows.

    python perf/evaluators.py [--rows 1000] [--promptflow-evals FOLDER]

Each in a process of its own, in turn, from its start to the metrics on disk: `batch` as a user runs it, `calls` the
calls of the evaluators alone, one after the other. evaluations/chat gives ten metrics a row, with status and interval;
azure-ai-evaluation its F1 and ROUGE-L (BLEU wants NLTK's data), promptflow-evals its F1 (its runs of two evaluators at
once meet at Prompt Flow's log writer; some of NLTK's data it wants to be imported at all: character classes are made
here, from Python's own tables, and F1 does not use them).
FOLDER holds promptflow-evals (`pip install --no-deps --target FOLDER promptflow-evals==0.3.5 nltk`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
TELEMETRY_OFF = "telemetry: {enabled: false}\n"
TRACE_OFF = "trace: {destination: none}\n"  # as set-up has it; promptflow-evals cannot read it
OURS = "evaluations/chat"
OURS_IN_SDK = "the same metrics in azure-ai-evaluation"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--promptflow-evals", type=Path)
    parser.add_argument("--peer", choices=PEERS)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    if options.peer:
        sys.stdout.write(json.dumps(PEERS[options.peer](options.work)) + "\n")
        return
    peers = [name for name in PEERS if name != "promptflow-evals" or options.promptflow_evals]
    table = Table("", "batch, s", "rows/s", "x ours", "calls, rows/s", "metrics", title=f"{options.rows} rows")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_rows(work, options.rows)
        for name in peers:
            started = time.perf_counter()
            found[name] = in_process(name, work, options.promptflow_evals) | {"seconds": time.perf_counter() - started}
    for name, one in found.items():
        seconds = one["seconds"] - one["calls"]
        table.add_row(
            name,
            f"{seconds:.1f}",
            f"{options.rows / seconds:.0f}",
            f"{(found[OURS]['seconds'] - found[OURS]['calls']) / seconds:.2f}",
            f"{options.rows / one['calls']:.0f}",
            str(one["metrics"]),
        )
    Console(width=120).print(table)


def write_rows(work: Path, count: int) -> None:
    """Questions of data/chat, in turn, with answers that are right, partly right and wrong."""
    questions = [json.loads(line) for line in (ROOT / "data/chat/questions.jsonl").open(encoding="utf-8")]
    lines = []
    for number in range(count):
        row = questions[number % len(questions)]
        words = f"I believe the answer is {row['ground_truth']} of course".split()
        answer = " ".join(words[number % 5 : len(words) - number % 3])
        truth = {"answer": answer, "response": answer, "completion": {"text": answer, "finish_reason": "stop"}}
        lines.append(json.dumps(row | truth | {"id": f"row-{number}"}) + "\n")
    (work / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    for name in ("IsN", "IsP", "IsS", "Number", "Punctuation", "Symbol"):
        letter = name.removeprefix("Is")[0]
        file = work / "nltk_data/misc/perluniprops" / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        every = (chr(code) for code in range(sys.maxunicode))
        file.write_text("".join(c for c in every if unicodedata.category(c)[0] == letter), encoding="utf-8")


def in_process(name: str, work: Path, promptflow_evals: Path | None) -> dict[str, Any]:
    (work / "pf.yaml").write_text(TELEMETRY_OFF + (TRACE_OFF if name != "promptflow-evals" else ""), encoding="utf-8")
    env = os.environ | {"PF_HOME_DIRECTORY": str(work), "NLTK_DATA": str(work / "nltk_data")}
    if promptflow_evals:
        env["PYTHONPATH"] = str(promptflow_evals)
    command = [sys.executable, __file__, "--peer", name, "--work", str(work)]
    made = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if made.returncode:
        raise SystemExit(f"{made.stderr[-2000:]}\n{name} failed")
    found: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return found


def timed(rows: list[dict[str, Any]], call: Callable[[dict[str, Any]], object]) -> float:
    call(rows[0])
    started = time.perf_counter()
    for row in rows:
        call(row)
    return time.perf_counter() - started


def read_rows(work: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (work / "rows.jsonl").open(encoding="utf-8")]


def ours(work: Path) -> dict[str, Any]:
    columns = ("answer", "completion", "ground_truth", "aliases", "category", "question", "id")
    command = [sys.executable, "-m", "promptflow._cli.pf", "run", "create", "--flow", str(ROOT / "evaluations/chat")]
    command += ["--data", str(work / "rows.jsonl"), "--name", "ours", "--column-mapping"]
    command += [f"{name}=${{data.{name}}}" for name in columns]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    metrics = json.loads((work / ".runs/ours/metrics.json").read_text(encoding="utf-8"))
    assert metrics["rows_expected"] == len(read_rows(work)), metrics

    from bakeoff.metrics import chat

    def call(row: dict[str, Any]) -> object:
        return chat.score_row(answer=row["answer"], completion=row["completion"], ground_truth=row["ground_truth"])

    return {"calls": timed(read_rows(work), call), "metrics": len(metrics)}


def ours_in_sdk(work: Path) -> dict[str, Any]:
    from bakeoff.hosts.azure_evaluators import chat_evaluator

    return sdk(work, {"chat": chat_evaluator})


def azure_ai_evaluation(work: Path) -> dict[str, Any]:
    from azure.ai.evaluation import F1ScoreEvaluator, RougeScoreEvaluator, RougeType

    rouge = RougeScoreEvaluator(rouge_type=RougeType.ROUGE_L)
    return sdk(work, {"f1": F1ScoreEvaluator(), "rouge": rouge})


def sdk(work: Path, evaluators: dict[str, Any]) -> dict[str, Any]:
    from azure.ai.evaluation import evaluate

    made = evaluate(data=str(work / "rows.jsonl"), evaluators=evaluators, output_path=str(work / "sdk.json"))

    def call(row: dict[str, Any]) -> None:
        for evaluator in evaluators.values():
            evaluator(response=row["response"], ground_truth=row["ground_truth"])

    return {"calls": timed(read_rows(work), call), "metrics": len(made["metrics"])}


def promptflow_evals(work: Path) -> dict[str, Any]:
    from promptflow.evals.evaluate import evaluate
    from promptflow.evals.evaluators import F1ScoreEvaluator

    f1 = F1ScoreEvaluator()
    made = evaluate(data=str(work / "rows.jsonl"), evaluators={"f1": f1}, output_path=str(work / "evals.json"))

    def call(row: dict[str, Any]) -> object:
        return f1(answer=row["answer"], ground_truth=row["ground_truth"])

    return {"calls": timed(read_rows(work), call), "metrics": len(made["metrics"])}


PEERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    OURS: ours,
    OURS_IN_SDK: ours_in_sdk,
    "azure-ai-evaluation": azure_ai_evaluation,
    "promptflow-evals": promptflow_evals,
}

if __name__ == "__main__":
    main()
