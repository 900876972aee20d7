"""Does retrieval help the local model? The same questions with flows/rag's nodes, without, and the top passage alone.

    python perf/rag_answers.py [--limit 222] [--model smollm2-135m-instruct]

Questions: the answerable ones of data/rag. Without retrieval the model gets the question and flows/chat's system
prompt. The top passage alone answers with its whole text: no model. Differences are paired, their 95 % intervals and
p-values those of bakeoff.experiments, after Holm.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bakeoff.experiments.multiplicity import adjust
from bakeoff.experiments.paired import compare
from bakeoff.experiments.pairing import pair, read_scores
from bakeoff.hosts import promptflow_rag
from bakeoff.hosts.promptflow_chat import to_messages
from bakeoff.metrics import rag
from bakeoff.metrics.rows import Row
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import mean
from bakeoff.models.base import Parameters
from bakeoff.models.load import load_model
from bakeoff.retrieval.passages import shown

ROOT = Path(__file__).parent.parent
METRICS = {"f1": "continuous", "contains_answer": "pass_fail"}
WITH, WITHOUT, PASSAGE = "with retrieval", "without", "top passage, no model"


def with_retrieval(row: dict[str, Any], model: str) -> dict[str, Any]:
    """The outputs of flows/rag with the defaults of its YAML."""
    question, history = row["question"], row["chat_history"]
    rewritten = promptflow_rag.rewrite(question, history, "history", model) if history else None
    base = ROOT / "data/rag"
    found = promptflow_rag.find(
        question, rewritten, index="articles", base=base, mode="hybrid", top_k=10, min_similarity=0.0
    )
    records = promptflow_rag.choose(
        found["passages"], True, model=model, connection=None, most_tokens=1500, most_passages=3
    )
    completion = promptflow_rag.answer(
        system=(ROOT / "flows/rag/system.jinja2").read_text(encoding="utf-8"),
        question=question,
        chat_history=history,
        passages=records,
        problem="",
        model=model,
        max_new_tokens=128,
        temperature=0,
    )
    return promptflow_rag.cite(completion, question, records, True) | {
        "passages": records,
        "retrieval": found["retrieval"],
    }


def without_retrieval(row: dict[str, Any], model: str) -> dict[str, Any]:
    system = (ROOT / "flows/chat/system.jinja2").read_text(encoding="utf-8")
    messages = to_messages(system, row["question"], row["chat_history"])
    completion = load_model(model).complete(messages, Parameters(max_new_tokens=128))
    return {"answer": completion.text, "completion": completion.to_dict(), "passages": [], "retrieval": {}}


def score(row: dict[str, Any], outputs: dict[str, Any]) -> Row:
    names = ("ground_truth", "aliases", "gold", "answerable", "category", "question")
    given = {name: outputs[name] for name in ("answer", "completion", "passages", "retrieval")}
    return rag.score_row(
        **given, **{name: row[name] for name in names}, row_id=row["id"], supports=lambda claim, passages: False
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    options = parser.parse_args()
    lines = (ROOT / "data/rag/questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [row for row in map(json.loads, lines) if row["answerable"]]
    if options.limit:
        questions = questions[:: max(1, len(questions) // options.limit)][: options.limit]
    rows: dict[str, list[Row]] = {WITH: [], WITHOUT: [], PASSAGE: []}
    seconds: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    for row in questions:
        for name, answer in ((WITH, with_retrieval), (WITHOUT, without_retrieval)):
            started = time.perf_counter()
            outputs = answer(row, options.model)
            seconds[name].append(time.perf_counter() - started)
            rows[name].append(score(row, outputs))
            if name == WITH:
                top = outputs | {"answer": shown(outputs["passages"])[0]["text"], "completion": {}}
                rows[PASSAGE].append(score(row, top))
    console = Console(width=140)
    table = Table("contender", *METRICS, "seconds p50 / p95")
    for name, scored in rows.items():
        means = [mean([row[f"{metric}_score"] for row in scored]) for metric in METRICS]
        times = [f"{percentile(seconds[name], p):.2f}" for p in (50, 95)] if name in seconds else ["-"]
        table.add_row(name, *(f"{value:.3f}" for value in means), " / ".join(times))
    console.print(table)
    comparisons = [
        compare(pair(read_scores(rows[WITH], metric, WITH), read_scores(rows[other], metric, other)), kind)
        for metric, kind in METRICS.items()
        for other in (WITHOUT, PASSAGE)
    ]
    for one in adjust(comparisons):
        console.print(
            f"{one.metric}: {one.a} minus {one.b} {one.difference:+.3f} ({one.low:+.3f}, {one.high:+.3f}), "
            f"{one.counts.paired} rows, p = {one.p_adjusted:.2g} after Holm ({one.test})"
        )


if __name__ == "__main__":
    main()
