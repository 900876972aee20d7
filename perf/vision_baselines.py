"""OCR and the small model against two baselines on data/vision: a constant answer, and the model without the picture.

    python perf/vision_baselines.py [--limit 298]

OCR and model are flows/vision's nodes. Without the picture the model gets the same prompt with no
text in it. The
constant answer is the most frequent reference of the other questions of the same type. Differences are paired, with
the 95 % intervals and p-values of bakeoff.experiments, after Holm; questions about one picture are one cluster.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bakeoff.experiments.multiplicity import adjust
from bakeoff.experiments.paired import compare
from bakeoff.experiments.pairing import pair, read_scores
from bakeoff.hosts import promptflow_vision
from bakeoff.metrics import vision_rows
from bakeoff.metrics.intervals import wilson_interval
from bakeoff.metrics.rows import Row
from bakeoff.metrics.summary import mean

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data/vision/questions"
MODEL = "smollm2-135m-instruct"
METRICS = {"exact_match": "pass_fail", "anls": "continuous"}
NOTHING: dict[str, Any] = {"text": "", "error": ""}
FLOW, BLIND, CONSTANT = "OCR + SmolLM2", "SmolLM2 without the picture", "constant answer"


def by_flow(row: dict[str, Any], ocr: dict[str, Any], system: str) -> dict[str, Any]:
    field = promptflow_vision.extract(row["question"], ocr)
    return promptflow_vision.answer(None, ocr, field, None if field["found"] else asked(row, ocr, system))


def asked(row: dict[str, Any], ocr: dict[str, Any], system: str) -> dict[str, Any]:
    return promptflow_vision.ask(
        system=system,
        question=row["question"],
        chat_history=[],
        ocr=ocr,
        model=MODEL,
        max_new_tokens=64,
        temperature=0,
    )


def without_picture(row: dict[str, Any], system: str) -> dict[str, Any]:
    completion = asked(row, NOTHING, system)
    return {"answer": completion["text"], "completion": completion, "ocr_text": None}


def constant(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    same = [r["ground_truth"] for r in rows if r["question_type"] == row["question_type"] and r["id"] != row["id"]]
    return {"answer": Counter(same).most_common(1)[0][0], "completion": {}, "ocr_text": None}


def score(row: dict[str, Any], outputs: dict[str, Any]) -> Row:
    names = ("ground_truth", "aliases", "category", "degradation", "question_type", "question")
    return vision_rows.score_row(
        answer=outputs["answer"],
        completion=outputs["completion"],
        ocr_text=outputs["ocr_text"],
        true_text=row["text"],
        row_id=row["id"],
        **{name: row[name] for name in names},
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    questions = [json.loads(line) for line in (DATA / "input.jsonl").read_text(encoding="utf-8").splitlines()]
    if options.limit:
        questions = questions[:: max(1, len(questions) // options.limit)][: options.limit]
    system = (ROOT / "flows/vision/system.jinja2").read_text(encoding="utf-8")
    read: dict[str, dict[str, Any]] = {}
    rows: dict[str, list[Row]] = {FLOW: [], BLIND: [], CONSTANT: []}
    for row in questions:
        if row["image_id"] not in read:
            read[row["image_id"]] = promptflow_vision.read((DATA / row["image"]["data:image/png;path"]).read_bytes())
        rows[FLOW].append(score(row, by_flow(row, read[row["image_id"]], system)))
        rows[BLIND].append(score(row, without_picture(row, system)))
        rows[CONSTANT].append(score(row, constant(row, questions)))
    console = Console(width=140)
    table = Table("contender", *METRICS, "field questions, exact")
    for name, scored in rows.items():
        fields = [row["exact_match_score"] for row in scored if row["question_type"] == "field"]
        low, high = wilson_interval(mean(fields), len(fields))
        means = [f"{mean([row[f'{metric}_score'] for row in scored]):.3f}" for metric in METRICS]
        table.add_row(name, *means, f"{mean(fields):.3f} ({low:.3f} to {high:.3f}) of {len(fields)}")
    console.print(table)
    clusters = {row["id"]: row["image_id"] for row in questions}
    comparisons = [
        compare(
            pair(read_scores(rows[FLOW], metric, FLOW), read_scores(rows[other], metric, other)),
            kind,
            clusters=clusters,
        )
        for metric, kind in METRICS.items()
        for other in (BLIND, CONSTANT)
    ]
    for one in adjust(comparisons):
        console.print(
            f"{one.metric}: {one.a} minus {one.b} {one.difference:+.3f} ({one.low:+.3f}, {one.high:+.3f}), "
            f"{one.counts.paired} rows, {one.clusters} pictures, p = {one.p_adjusted:.2g} after Holm ({one.test})"
        )


if __name__ == "__main__":
    main()
