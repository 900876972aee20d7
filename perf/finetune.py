"""What fine-tuning gave: the same answers as torch, quality on held-out rows, and what was forgotten.

    python perf/finetune.py agree     answers and metrics of the exports against torch's, on the held-out rows
    python perf/finetune.py compare   macro-F1 and pay-back of the contenders of `bakeoff run experiments/extract.yaml`
    python perf/finetune.py forget    data/chat and three public suites before and after
    python perf/finetune.py curve     draws perf/finetune_curve.png

After `bakeoff finetune experiments/finetune.yaml`. Answers of `agree` and `forget` are kept in RUN/answers and not
asked again: remove that folder after another training. Needs the extra `finetune` for `agree` only.
"""

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import Any

from finetune_answers import FIGURES, ROOT, paired, rows_of, say

REFERENCE = "few-shot"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("agree", "compare", "forget", "curve"))
    parser.add_argument("--run", type=Path, default=ROOT / ".bakeoff/finetune/travel")
    parser.add_argument("--definition", type=Path, default=ROOT / "experiments/finetune.yaml")
    parser.add_argument("--rows", type=int, help="only the first N rows of data/finetune or data/chat")
    parser.add_argument("--only", nargs="*", help="exports of `agree`")
    parser.add_argument("--bakeoff", type=Path, default=ROOT / ".bakeoff/experiments/extract", help="of `compare`")
    parser.add_argument("--limit", type=int, default=200, help="items of each suite of `forget`; default: 200")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/benchmarks", help="of the suites")
    options = parser.parse_args()
    if options.what == "agree":
        from finetune_agree import agree

        agree(options)
    elif options.what == "forget":
        from finetune_forget import forget

        forget(options)
    else:
        {"compare": compare, "curve": curve}[options.what](options)


def compare(options: argparse.Namespace) -> None:
    """Figures of a whole run, which the bake-off's table of row metrics does not have, and what training cost."""
    cells: dict[str, list[dict[str, Any]]] = {}
    for line in rows_of(options.bakeoff / "rows.jsonl"):
        cells.setdefault(line["contender"], []).append(line["record"] | {"seconds": line["seconds"]})
    say(f"{len(cells[REFERENCE])} rows of data/finetune/test.jsonl")
    say(f"{'':28}" + "".join(f"{figure:>12}" for figure in FIGURES) + f"{'s a row':>12}{'prompt tokens':>16}")
    seconds = {}
    for name, rows in cells.items():
        seconds[name] = mean([row["latency_score"] or 0 for row in rows])
        figures = "".join(f"{compute(rows):>12.3f}" for compute in FIGURES.values())
        tokens = mean([row["prompt_tokens_score"] or 0 for row in rows])
        say(f"{name:28}{figures}{seconds[name]:>12.3f}{tokens:>16.0f}")
    for name, rows in cells.items():
        if name != REFERENCE:
            found, low, high = paired(rows, cells[REFERENCE], FIGURES["macro-F1"])
            say(f"macro-F1 of {name} minus {REFERENCE}: {found:+.3f} ({low:+.3f} to {high:+.3f}, paired)")
    payback(options, seconds)


def payback(options: argparse.Namespace, seconds: dict[str, float]) -> None:
    """Requests after which training, on the same machine, has been paid for by shorter answers and prompts."""
    trained = json.loads((options.run / "record.json").read_text(encoding="utf-8"))["spent"]["seconds"]
    for name in (name for name in seconds if name.startswith("fine-tuned")):
        saved = seconds[REFERENCE] - seconds[name]
        after = f"{trained / saved:,.0f} requests" if saved > 0 else "never: it is not faster"
        say(f"{name}: {trained:,.0f} s of training are paid for, in machine time against {REFERENCE}, after {after}")


def curve(options: argparse.Namespace) -> None:
    from matplotlib import pyplot

    record = json.loads((options.run / "record.json").read_text(encoding="utf-8"))
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    for key, label in (("loss", "training"), ("eval_loss", "validation")):
        points = [(entry["step"], entry[key]) for entry in record["losses"] if key in entry]
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set(xlabel="step", ylabel="loss (nats a token)", title=f"{record['base']}+{record['name']}", ylim=(0, None))
    axes.legend()
    figure.tight_layout()
    figure.savefig(ROOT / "perf/finetune_curve.png", dpi=110)
    say(f"drawn: {ROOT / 'perf/finetune_curve.png'}")


if __name__ == "__main__":
    main()
