"""Whether the exports of a fine-tuned model answer the held-out rows as torch does, and as well."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby
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

INSTALLED = ("adapter", "merged exact", "merged int8")
EXPORTS = (*INSTALLED, "adapter rounded", "merged int8 unrounded", "adapter fp32", "merged fp32")


def agree(options: argparse.Namespace) -> None:
    """Print for each export how many answers are torch's to the letter, its figures, and how far they are from torch's.

    INSTALLED are those that the run installed; the others are made for this. In a rounded one every quantised product
    rounds its activations to int8, in an unrounded one none does.
    """
    definition = load_definition(options.definition)
    reference = of_torch(definition, options)
    names = [name for name in EXPORTS if not options.only or name in options.only]
    with tempfile.TemporaryDirectory() as scratch:

        def load(name: str) -> ChatModel:
            if name == "adapter":
                return load_model(f"{BASE}+{definition.name}")
            if name in INSTALLED:
                return load_model(f"{BASE}-{definition.name}-{name.split()[1]}")
            return made(name, definition, options.run, Path(scratch))

        found = {name: scored(options.run, name, options.rows, lambda n=name: load(n)) for name in names}
    say(f"{len(reference)} rows of data/finetune/test.jsonl, differences from torch with 95 % paired intervals")
    say(f"{'':22}{'torch answers':>16}" + "".join(f"{figure:>29}" for figure in FIGURES) + f"{'s a row':>9}")
    say(f"{'torch':22}{'':>16}" + "".join(f"{compute(reference):>29.3f}" for compute in FIGURES.values()))
    for name, rows in found.items():
        same = sum(a["text"] == b["text"] for a, b in zip(rows, reference, strict=True))
        cells = [_cell(rows, reference, figure) for figure in FIGURES]
        say(
            f"{name:22}{f'{same} of {len(rows)}':>16}"
            + "".join(f"{cell:>29}" for cell in cells)
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
    words = OnnxChatModel(ensure(definition.base), definition.base)
    prompts = {row["id"]: words.prompt_ids(asked(row["message"])) for row in rows}
    known = {row["id"] for row in rows_of(store)} if store.is_file() else set()
    by_length = sorted(rows, key=lambda row: len(prompts[row["id"]]))
    missing = [prompts[row["id"]] for row in by_length if row["id"] not in known]
    stream = torch_answers(definition, options.run, missing, words)
    records = {row["id"]: score(row, c) for row, c in kept(store, by_length, lambda row: next(stream))}
    return [records[row["id"]] for row in rows]


def torch_answers(
    definition: FineTuning, run: Path, prompts: list[list[int]], words: OnnxChatModel
) -> Iterator[Completion]:
    """The answers to prompts that are sorted by length; those as long as each other go together, so none is padded."""
    import torch
    from peft import PeftModel

    base: Any = load_base(weights_file(definition.base))
    model: Any = PeftModel.from_pretrained(base, str(run / "adapter")).eval()
    ends = words._runtime.end_tokens
    for length, alike in groupby(prompts, len):
        together, started = list(alike), time.perf_counter()
        with torch.no_grad():
            generated = model.generate(
                input_ids=torch.tensor(together),
                attention_mask=torch.ones(len(together), length, dtype=torch.long),
                max_new_tokens=ANSWER.max_new_tokens,
                do_sample=False,
                eos_token_id=sorted(ends),
                pad_token_id=min(ends),
            )[:, length:].tolist()
        seconds = (time.perf_counter() - started) / len(together)
        for ids in generated:
            end = next((i for i, token in enumerate(ids) if token in ends), None)
            yield Completion(
                text=words._runtime.tokenizer.decode(ids[:end]),
                finish_reason="length" if end is None else "stop",
                model=ModelIdentity("torch", "torch", "", "cpu"),
                prompt_tokens=length,
                completion_tokens=len(ids) if end is None else end + 1,
                total_time=seconds,
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
