"""Whether the exports of a fine-tuned model answer the held-out rows as torch does, and as well."""

import argparse
import tempfile
import time
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

SHORT = ("short", 0, "fixed")


def agree(options: argparse.Namespace) -> None:
    """Print for each export how many answers are torch's to the letter, its figures, and how far they are from torch's.

    The quantised exports are those that the run installed; the fp32 ones are made for this.
    """
    definition = load_definition(options.definition)
    reference = of_torch(definition, options)
    names = ("merged fp32", "adapter fp32", "merged int8", "adapter")
    with tempfile.TemporaryDirectory() as scratch:

        def load(name: str) -> ChatModel:
            if name == "adapter":
                return load_model(f"{BASE}+{definition.name}")
            if name == "merged int8":
                return load_model(f"{BASE}-{definition.name}-int8")
            return in_fp32(name, definition, options.run, Path(scratch))

        found = {name: scored(options.run, name, options.rows, lambda n=name: load(n), SHORT) for name in names}
    say(f"{len(reference)} rows of data/finetune/test.jsonl, differences from torch with 95 % paired intervals")
    say(f"{'':14}{'torch answers':>16}" + "".join(f"{figure:>26}" for figure in FIGURES))
    say(f"{'torch':14}{'':>16}" + "".join(f"{compute(reference):>26.3f}" for compute in FIGURES.values()))
    for name, rows in found.items():
        same = sum(a["text"] == b["text"] for a, b in zip(rows, reference, strict=True))
        cells = [_cell(rows, reference, figure) for figure in FIGURES]
        say(f"{name:14}{f'{same} of {len(rows)}':>16}" + "".join(f"{cell:>26}" for cell in cells))


def _cell(rows: Rows, reference: Rows, figure: str) -> str:
    difference, low, high = paired(rows, reference, FIGURES[figure])
    return f"{FIGURES[figure](rows):.3f} {difference:+.3f} ({low:+.3f} {high:+.3f})"


def of_torch(definition: FineTuning, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Row records of torch's own greedy answers, written in float32 with a key-value cache."""
    import torch
    from peft import PeftModel

    loaded: list[Any] = []

    def answer(row: dict[str, Any]) -> Completion:
        if not loaded:
            base: Any = load_base(weights_file(definition.base))
            loaded.append(PeftModel.from_pretrained(base, str(options.run / "adapter")).eval())
            loaded.append(OnnxChatModel(ensure(definition.base), definition.base))
        model, words = loaded
        prompt = words.prompt_ids(asked(row["message"], *SHORT))
        ends, started = words._runtime.end_tokens, time.perf_counter()
        with torch.no_grad():
            ids = model.generate(
                input_ids=torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=ANSWER.max_new_tokens,
                do_sample=False,
                eos_token_id=sorted(ends),
            )[0, len(prompt) :].tolist()
        stopped = ids[-1] in ends
        return Completion(
            text=words._runtime.tokenizer.decode(ids[:-1] if stopped else ids),
            finish_reason="stop" if stopped else "length",
            model=ModelIdentity("torch", "torch", "", "cpu"),
            prompt_tokens=len(prompt),
            completion_tokens=len(ids),
            total_time=time.perf_counter() - started,
        )

    answered = kept(store_of(options.run, "torch"), rows_of(TEST, options.rows), answer)
    return [score(row, completion) for row, completion in answered]


def in_fp32(name: str, definition: FineTuning, run: Path, scratch: Path) -> ChatModel:
    """The adapter on the base in fp32, or merged in fp32."""
    folder = scratch / name.replace(" ", "-")
    folder.mkdir()
    source = GgufFile(weights_file(definition.base))
    if name == "merged fp32":
        replace(source, merged_matrices(definition, run), "fp32")
        write_folder(source, folder, lambda line: None, "fp32")
        return OnnxChatModel(folder, name)
    write_folder(source, folder, lambda line: None, "adapters-fp32")
    adapter_file(definition, run, folder, folder / tuned.ADAPTER_FILE)
    return OnnxChatModel(folder, name).with_adapter(name, folder / tuned.ADAPTER_FILE)
