"""The HTML report of 1,000 rows x 4 contenders with retrieved passages: seconds, memory, size.

    python perf/report_generation.py [--rows 1000] [--contenders 4] [--out report.html]

The peer, in the same run and each in a process of its own: pandas' own table (`DataFrame.to_html`) of the same rows,
which has no chart, no filter and no passages.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/experiments"))

WORDS = [
    "the",
    "a",
    "flight",
    "bag",
    "fee",
    "refund",
    "visa",
    "gate",
    "tier",
    "miles",
    "Aldermoor",
    "costs",
    "<b>",
    "&",
]


def cells(rows: int, contenders: int) -> list[Any]:
    from result_helpers import cell

    from bakeoff.experiments.rows import RowResult
    from bakeoff.metrics.rows import scored

    choose = random.Random(0)

    def text(words: int) -> str:
        return " ".join(choose.choices(WORDS, k=words))

    chunks = [{"document": f"{n % 60}.md", "heading": text(3), "text": text(120)} for n in range(300)]
    questions = [text(14) for _ in range(rows)]
    found = []
    for number in range(contenders):
        results = []
        for place, question in enumerate(questions):
            score = choose.random()
            record = {"id": f"r{place:04}", "outcome": "answered"} | scored(score).fields("match")
            output: dict[str, Any] = {
                "answer": text(18),
                "completion": {"finish_reason": "stop", "prompt_tokens": 900, "completion_tokens": 24},
                "passages": [chunk | {"number": n} for n, chunk in enumerate(choose.sample(chunks, 10), start=1)],
            }
            data = {"category": f"category {place % 5}", "question": question, "ground_truth": text(2)}
            asked = "\n\n".join([*(str(chunk["text"]) for chunk in output["passages"][:5]), question])
            prompt = [{"role": "system", "content": "Answer from the passages."}, {"role": "user", "content": asked}]
            results.append(RowResult(f"r{place:04}", data, output, choose.random(), record, "", [prompt]))
        found.append(cell(f"contender {number}", results))
    return found


def ours(made: list[Any]) -> str:
    from result_helpers import THIS_RUN, experiment

    from bakeoff.experiments.analysis import analyse
    from bakeoff.experiments.definition import Contender, MetricChoice
    from bakeoff.experiments.report import to_html

    of = experiment(*(Contender(c.contender) for c in made), metrics=(MetricChoice("match", "F1", "continuous"),))
    result = analyse(of, made, THIS_RUN)
    started = time.perf_counter()
    html = to_html(result, of, made)
    say_figures(time.perf_counter() - started, html)
    return html


def pandas(made: list[Any]) -> str:
    import pandas as pd

    started = time.perf_counter()
    frame = pd.DataFrame(
        {
            "contender": one.contender,
            "id": row.id,
            "question": row.data["question"],
            "answer": (row.output or {})["answer"],
            "score": (row.record or {})["match_score"],
        }
        for one in made
        for row in one.rows
    )
    html = str(frame.to_html())
    say_figures(time.perf_counter() - started, html)
    return html


def say_figures(seconds: float, html: str) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    sys.stdout.write(json.dumps({"seconds": seconds, "rss": peak, "bytes": len(html.encode())}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--contenders", type=int, default=4)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", choices=("ours", "pandas"))
    options = parser.parse_args()
    if options.one:
        html = {"ours": ours, "pandas": pandas}[options.one](cells(options.rows, options.contenders))
        if options.out:
            options.out.write_text(html, encoding="utf-8")
        return
    console = Console(width=120, highlight=False)
    figures = {}
    for one in ("ours", "pandas"):
        command = [sys.executable, __file__, "--one", one, "--rows", str(options.rows)]
        command += ["--contenders", str(options.contenders)]
        command += ["--out", str(options.out)] if options.out and one == "ours" else []
        figures[one] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for one, found in figures.items():
        console.print(
            f"{one}: {found['seconds']:.2f} s, peak {found['rss']:.0f} MB, {found['bytes'] / 1e6:.2f} MB of HTML"
        )
    console.print(f"ours / pandas: {figures['ours']['seconds'] / figures['pandas']['seconds']:.1f}x the time")


if __name__ == "__main__":
    main()
