"""What fine-tuning gave: the same answers as torch, quality on held-out rows, and what was forgotten.

    python perf/finetune.py agree     answers and metrics of the exports against torch's, on the held-out rows
    python perf/finetune.py compare   contenders on data/finetune/test.jsonl
    python perf/finetune.py forget    data/chat and three public suites before and after
    python perf/finetune.py curve     draws perf/finetune_curve.png

After `bakeoff finetune experiments/finetune.yaml`. Answers are kept in RUN/answers and not asked again: remove that
folder after another training. Needs the extra `finetune` for `agree` only.
"""

import argparse
import json
from pathlib import Path

from finetune_answers import BASE, FIGURES, ROOT, paired, say, scored

from bakeoff.metrics import extract
from bakeoff.models.load import load_model

CONTENDERS: dict[str, tuple[str, str, int, str]] = {
    "few-shot": (BASE, "full", 12, "fixed"),
    "adapter": (f"{BASE}+travel", "short", 0, "fixed"),
    "merged int8": (f"{BASE}-travel-int8", "short", 0, "fixed"),
    "with retrieval": (BASE, "full", 6, "nearest"),
    "zero-shot": (BASE, "full", 0, "fixed"),
}
"""Model, instructions, shots, shots_by: inputs of flows/extract."""
REFERENCE = "few-shot"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("agree", "compare", "forget", "curve"))
    parser.add_argument("--run", type=Path, default=ROOT / ".bakeoff/finetune/travel")
    parser.add_argument("--definition", type=Path, default=ROOT / "experiments/finetune.yaml")
    parser.add_argument("--rows", type=int, help="only the first N rows of data/finetune or data/chat")
    parser.add_argument("--only", nargs="*", help="contenders of `compare`")
    parser.add_argument("--limit", type=int, default=400, help="items of each suite of `forget`; default: 400")
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
    kept = {}
    for name, (model, *inputs) in CONTENDERS.items():
        if not options.only or name in options.only:
            instructions, shots, by = inputs
            load = lambda model=model: load_model(model)  # noqa: E731
            kept[name] = scored(options.run, name, options.rows, load, (instructions, shots, by))
    say(f"{len(next(iter(kept.values())))} rows of data/finetune/test.jsonl")
    columns = ("JSON valid", "intent", "macro-F1 (95 %)", "entity F1", "urgency", "exact", "s a row", "prompt tokens")
    say(f"{'':16}" + "".join(f"{column:>22}" if "(" in column else f"{column:>14}" for column in columns))
    for name, rows in kept.items():
        m = extract.aggregate(rows, len(rows))
        f1 = f"{m['intent_macro_f1']:.3f} ({m['intent_macro_f1_ci_low']:.3f}-{m['intent_macro_f1_ci_high']:.3f})"
        rest = [m["entity_micro_f1"], m["urgency_worst_case"], m["exact_match_worst_case"], m["latency"]]
        say(
            f"{name:16}{m['json_valid']:14.3f}{m['intent_worst_case']:14.3f}{f1:>22}"
            + "".join(f"{value:14.3f}" for value in rest)
            + f"{m['prompt_tokens']:14.0f}"
        )
    payback(options, {n: extract.aggregate(rows, len(rows))["latency"] for n, rows in kept.items()})
    if REFERENCE in kept:
        for name, rows in kept.items():
            if name != REFERENCE:
                found, low, high = paired(rows, kept[REFERENCE], FIGURES["macro-F1"])
                say(f"macro-F1 of {name} minus {REFERENCE}: {found:+.3f} ({low:+.3f} to {high:+.3f}, paired)")


def payback(options: argparse.Namespace, seconds: dict[str, float]) -> None:
    """Requests after which training, on the same machine, has been paid for by shorter answers and prompts."""
    record = json.loads((options.run / "record.json").read_text(encoding="utf-8"))
    trained = record["spent"]["seconds"]
    for name in ("adapter", "merged int8"):
        if name in seconds and REFERENCE in seconds:
            saved = seconds[REFERENCE] - seconds[name]
            after = f"{trained / saved:,.0f} requests" if saved > 0 else "never: it is not faster"
            say(
                f"{name}: {trained:,.0f} s of training are paid for, in machine time against {REFERENCE}, after {after}"
            )


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
