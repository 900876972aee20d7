"""Whether the exports of a fine-tuned model answer the held-out rows as torch does, and as well."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finetune_answers import (
    ANSWER,
    BASE,
    FIGURES,
    TEST,
    Rows,
    asked,
    kept,
    paired,
    rows_of,
    say,
    score,
    scored,
    store_of,
)

from bakeoff.catalog import ensure, tuned
from bakeoff.catalog.gguf import write_folder
from bakeoff.catalog.gguf.reader import GgufFile
from bakeoff.catalog.weights_file import weights_file
from bakeoff.finetuning.base import load_base
from bakeoff.finetuning.definition import FineTuning, load_definition
from bakeoff.finetuning.export import adapter_file, merged_matrices, replace
from bakeoff.models.base import ChatModel, Completion, ModelIdentity
from bakeoff.models.load import load_model
from bakeoff.models.onnx_chat import OnnxChatModel

EXPORTS = ("adapter", "merged int8", "adapter rounded", "merged int8 unrounded", "adapter fp32", "merged fp32")


def agree(options: argparse.Namespace) -> None:
    """Print for each export how many answers are torch's to the letter, its figures, and how far they are from torch's.

    `merged int8` and `adapter` are those that the run installed; the others are made for this. In a rounded one every
    quantised product rounds its activations to int8, in an unrounded one the 4-bit products do not.
    """
    definition = load_definition(options.definition)
    reference = of_torch(definition, options)
    names = [name for name in EXPORTS if not options.only or name in options.only]
    with tempfile.TemporaryDirectory() as scratch:

        def load(name: str) -> ChatModel:
            if name == "adapter":
                return load_model(f"{BASE}+{definition.name}")
            if name == "merged int8":
                return load_model(f"{BASE}-{definition.name}-int8")
            return made(name, definition, options.run, Path(scratch))

        found = {name: scored(options.run, name, options.rows, lambda n=name: load(n)) for name in names}
    say(f"{len(reference)} rows of data/finetune/test.jsonl, differences from torch with 95 % paired intervals")
    say(f"{'':22}{'torch answers':>16}" + "".join(f"{figure:>26}" for figure in FIGURES) + f"{'s a row':>9}")
    say(f"{'torch':22}{'':>16}" + "".join(f"{compute(reference):>26.3f}" for compute in FIGURES.values()))
    for name, rows in found.items():
        same = sum(a["text"] == b["text"] for a, b in zip(rows, reference, strict=True))
        cells = [_cell(rows, reference, figure) for figure in FIGURES]
        say(
            f"{name:22}{f'{same} of {len(rows)}':>16}"
            + "".join(f"{cell:>26}" for cell in cells)
            + f"{_seconds(rows):>9.3f}"
        )


def _seconds(rows: Rows) -> float:
    return sum(row["latency_score"] for row in rows) / len(rows)


def _cell(rows: Rows, reference: Rows, figure: str) -> str:
    difference, low, high = paired(rows, reference, FIGURES[figure])
    return f"{FIGURES[figure](rows):.3f} {difference:+.3f} ({low:+.3f} {high:+.3f})"


def of_torch(definition: FineTuning, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Row records of torch's own greedy answers, written in float32 with a key-value cache."""
    rows, store = rows_of(TEST, options.rows), store_of(options.run, "torch")
    known = {row["id"] for row in rows_of(store)} if store.is_file() else set()
    missing = [row for row in rows if row["id"] not in known]
    written = dict(torch_answers(definition, options.run, missing)) if missing else {}
    return [score(row, completion) for row, completion in kept(store, rows, lambda row: written[row["id"]])]


def torch_answers(definition: FineTuning, run: Path, rows: list[dict[str, Any]]) -> Iterator[tuple[str, Completion]]:
    """Row ids and answers; rows whose prompts have as many tokens are answered side by side, so none is padded."""
    import torch
    from peft import PeftModel

    base: Any = load_base(weights_file(definition.base))
    model: Any = PeftModel.from_pretrained(base, str(run / "adapter")).eval()
    words = OnnxChatModel(ensure(definition.base), definition.base)
    ends = words._runtime.end_tokens
    by_length: dict[int, list[tuple[str, list[int]]]] = {}
    for row in rows:
        prompt = words.prompt_ids(asked(row["message"]))
        by_length.setdefault(len(prompt), []).append((row["id"], prompt))
    for length, asked_together in by_length.items():
        started = time.perf_counter()
        with torch.no_grad():
            generated = model.generate(
                input_ids=torch.tensor([prompt for _, prompt in asked_together]),
                attention_mask=torch.ones(len(asked_together), length, dtype=torch.long),
                max_new_tokens=ANSWER.max_new_tokens,
                do_sample=False,
                eos_token_id=sorted(ends),
                pad_token_id=min(ends),
            )[:, length:].tolist()
        seconds = (time.perf_counter() - started) / len(asked_together)
        for (row_id, _), ids in zip(asked_together, generated, strict=True):
            end = next((i for i, token in enumerate(ids) if token in ends), None)
            yield (
                row_id,
                Completion(
                    text=words._runtime.tokenizer.decode(ids[:end]),
                    finish_reason="length" if end is None else "stop",
                    model=ModelIdentity("torch", "torch", "", "cpu"),
                    prompt_tokens=length,
                    completion_tokens=len(ids) if end is None else end + 1,
                    total_time=seconds,
                ),
            )


def made(name: str, definition: FineTuning, run: Path, scratch: Path) -> ChatModel:
    """An export by its name in `agree`."""
    folder = scratch / name.replace(" ", "-")
    folder.mkdir()
    source = GgufFile(weights_file(definition.base))
    rounds = {"unrounded": False, "rounded": True}.get(name.split()[-1])
    precision = "fp32" if "fp32" in name else "int8"
    if name.startswith("merged"):
        replace(source, merged_matrices(definition, run), precision)
        write_folder(source, folder, lambda line: None, "fp32" if precision == "fp32" else None, rounds=rounds)
        return OnnxChatModel(folder, name)
    option = "adapters-fp32" if precision == "fp32" else "adapters"
    write_folder(source, folder, lambda line: None, option, rounds=rounds)
    adapter_file(definition, run, folder, folder / tuned.ADAPTER_FILE)
    return OnnxChatModel(folder, name).with_adapter(name, folder / tuned.ADAPTER_FILE)
