"""What fine-tuning gave: the same answers as torch, quality on held-out rows, and what was forgotten.

    python perf/finetune.py agree    --run .bakeoff/finetune/travel      greedy answers of the exports against torch
    python perf/finetune.py compare  --run .bakeoff/finetune/travel      contenders on data/finetune/test.jsonl
    python perf/finetune.py forget   --run .bakeoff/finetune/travel      a slice of data/chat before and after
    python perf/finetune.py curve    --run .bakeoff/finetune/travel      draws perf/finetune_curve.png

Answers of each contender are kept beside the run and not asked again. Needs the extra `finetune` for `agree` only.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Template

from bakeoff.catalog import tuned
from bakeoff.finetuning.definition import FineTuning, load_definition
from bakeoff.hosts.promptflow_chat import to_messages
from bakeoff.hosts.promptflow_extract import examples
from bakeoff.metrics import chat, extract
from bakeoff.models.base import ChatModel, Message, Parameters
from bakeoff.models.load import load_model
from bakeoff.models.onnx_chat import OnnxChatModel

ROOT = Path(__file__).parents[1]
TRAIN, TEST = ROOT / "data/finetune/train.jsonl", ROOT / "data/finetune/test.jsonl"
SYSTEM = Template((ROOT / "flows/extract/system.jinja2").read_text(encoding="utf-8"))
BASE = "smollm2-135m-instruct"
CONTENDERS: dict[str, tuple[str, str, int, str]] = {
    "few-shot": (BASE, "full", 12, "fixed"),
    "adapter": (f"{BASE}+travel", "short", 0, "fixed"),
    "merged int8": (f"{BASE}-travel-int8", "short", 0, "fixed"),
    "with retrieval": (BASE, "full", 6, "nearest"),
    "merged fp32": (f"{BASE}-travel-fp32", "short", 0, "fixed"),
    "zero-shot": (BASE, "full", 0, "fixed"),
}
"""Model, instructions, shots, shots_by: inputs of flows/extract."""
REFERENCE = "few-shot"
RESAMPLES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("agree", "compare", "forget", "curve"))
    parser.add_argument("--run", type=Path, default=ROOT / ".bakeoff/finetune/travel")
    parser.add_argument("--definition", type=Path, default=ROOT / "experiments/finetune.yaml")
    parser.add_argument("--rows", type=int, help="only the first N rows")
    parser.add_argument("--only", nargs="*", help="contenders of `compare`")
    options = parser.parse_args()
    {"agree": agree, "compare": compare, "forget": forget, "curve": curve}[options.what](options)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def rows_of(path: Path, limit: int | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][:limit]


def agree(options: argparse.Namespace) -> None:
    """Whether torch, shown an ONNX model's answer, chooses each of its tokens: then its greedy answer is the same."""
    import torch
    from peft import PeftModel

    from bakeoff.catalog.gguf import write_folder
    from bakeoff.catalog.gguf.reader import GgufFile
    from bakeoff.catalog.weights_file import weights_file
    from bakeoff.finetuning.base import load_base
    from bakeoff.finetuning.export import adapter_file, merged_matrices, replace

    definition = load_definition(options.definition)
    file = weights_file(definition.base)
    torch_model = PeftModel.from_pretrained(load_base(file), str(options.run / "adapter")).eval()
    asked = rows_of(TEST, options.rows or 100)
    with tempfile.TemporaryDirectory() as scratch:
        exports: list[tuple[str, Any]] = []
        for name in ("merged fp32", "adapter fp32", "adapter"):
            folder = Path(scratch) / name.replace(" ", "-")
            folder.mkdir()
            source = GgufFile(file)
            if name == "merged fp32":
                replace(source, merged_matrices(definition, options.run), "fp32")
                write_folder(source, folder, lambda line: None, "fp32")
                exports.append((name, OnnxChatModel(folder, name)))
            else:
                option = "adapters-fp32" if name == "adapter fp32" else "adapters"
                write_folder(source, folder, lambda line: None, option)
                written = folder / tuned.ADAPTER_FILE
                adapter_file(definition, options.run, folder, written)
                exports.append((name, OnnxChatModel(folder, name).with_adapter(name, written)))
        for name, model in exports:
            same, answers = 0, 0
            for row in asked:
                messages = _messages(definition, row)
                prompt, greedy = model.prompt_ids(messages), Parameters(max_new_tokens=120)
                tokens = model._tokens(model._prompts.build(messages, greedy), greedy, None)
                answer = [token for token, _ in tokens]
                ids = torch.tensor([prompt + answer])
                with torch.no_grad():
                    chosen = torch_model(input_ids=ids).logits[0, len(prompt) - 1 : -1].argmax(-1)
                same += chosen.tolist() == answer
                answers += 1
            say(f"{name}: {same} of {answers} greedy answers are torch's ({same / answers:.1%})")


def _messages(definition: FineTuning, row: dict[str, Any]) -> list[Message]:
    return [Message("system", definition.column_mapping["system"]), Message("user", row["message"])]


def compare(options: argparse.Namespace) -> None:
    kept: dict[str, list[dict[str, Any]]] = {}
    for name in CONTENDERS:
        if not options.only or name in options.only:
            kept[name] = list(scored(name, options))
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
                found, low, high = paired_macro_f1(rows, kept[REFERENCE])
                say(f"macro-F1 of {name} minus {REFERENCE}: {found:+.3f} ({low:+.3f} to {high:+.3f}, paired)")


def payback(options: argparse.Namespace, seconds: dict[str, float]) -> None:
    """Requests after which training, on the same machine, has been paid for by shorter answers and prompts."""
    record = json.loads((options.run / "record.json").read_text(encoding="utf-8"))
    trained = record["this_session"]["seconds"]
    for name in ("adapter", "merged int8"):
        if name in seconds and REFERENCE in seconds:
            saved = seconds[REFERENCE] - seconds[name]
            after = f"{trained / saved:,.0f} requests" if saved > 0 else "never: it is not faster"
            say(
                f"{name}: {trained:,.0f} s of training are paid for, in machine time against {REFERENCE}, after {after}"
            )


def scored(name: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Row records of a contender; an answer that was kept is not asked again."""
    model_name, instructions, shots, by = CONTENDERS[name]
    store = options.run / "answers" / f"{name.replace(' ', '-')}.jsonl"
    store.parent.mkdir(parents=True, exist_ok=True)
    known = {row["id"]: row for row in map(json.loads, store.read_text().splitlines())} if store.is_file() else {}
    model: ChatModel | None = None
    with store.open("a", encoding="utf-8") as file:
        for row in rows_of(TEST, options.rows):
            if row["id"] not in known:
                model = model or load_model(model_name)
                system = SYSTEM.render(instructions=instructions)
                history = examples(row["message"], shots, by, TRAIN) if shots else []
                completion = model.complete(to_messages(system, row["message"], history), Parameters(max_new_tokens=80))
                known[row["id"]] = {"id": row["id"], "completion": completion.to_dict()}
                file.write(json.dumps(known[row["id"]]) + "\n")
                file.flush()
            completion_record = known[row["id"]]["completion"]
            yield extract.score_row(
                answer=completion_record["text"],
                completion=completion_record,
                expected=row["answer"],
                category=row["category"],
                row_id=row["id"],
            )


def paired_macro_f1(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Difference of macro-F1 with a paired percentile bootstrap over rows."""
    chance = np.random.default_rng(0)
    draws = [
        extract.intent_macro_f1([a[i] for i in drawn]) - extract.intent_macro_f1([b[i] for i in drawn])
        for drawn in (chance.integers(len(a), size=len(a)) for _ in range(RESAMPLES))
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return extract.intent_macro_f1(a) - extract.intent_macro_f1(b), float(low), float(high)


def forget(options: argparse.Namespace) -> None:
    system = (ROOT / "flows/chat/system.jinja2").read_text(encoding="utf-8")
    rows = rows_of(ROOT / "data/chat/questions.jsonl", None)[:: max(1, 196 // (options.rows or 60))]
    for name in (BASE, f"{BASE}+travel"):
        model, records, started = load_model(name), [], time.perf_counter()
        for row in rows:
            messages = to_messages(system, row["question"], row["chat_history"])
            completion = model.complete(messages, Parameters(max_new_tokens=128, overflow="truncate"))
            records.append(
                chat.score_row(
                    answer=completion.text,
                    completion=completion.to_dict(),
                    ground_truth=row["ground_truth"],
                    aliases=row["aliases"],
                    row_id=row["id"],
                )
            )
        m = chat.aggregate(records, len(records))
        say(
            f"{name} on {len(rows)} rows of data/chat: F1 {m['f1']:.3f} ({m['f1_ci_low']:.3f}-{m['f1_ci_high']:.3f}), "
            f"ROUGE-L {m['rouge_l']:.3f}, words {m['words']:.1f}, {time.perf_counter() - started:.0f} s"
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
