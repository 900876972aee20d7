"""`bakeoff finetune`: train an adapter by a file, and export it for flows."""

import argparse
from pathlib import Path
from typing import Any

from bakeoff.terminal import say

OUTPUT = Path(".bakeoff/finetune")


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("finetune", help="fine-tune a small model on examples and export it to ONNX")
    parser.add_argument("file", type=Path, metavar="FILE", help="such as experiments/finetune.yaml")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"default: {OUTPUT}/NAME")
    parser.add_argument("--check", action="store_true", help="only read and check the file and its data")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the verb. Raises BakeoffError as `load_definition`, `finetune` and `export` do."""
    from bakeoff.finetuning.definition import load_definition
    from bakeoff.finetuning.export import export
    from bakeoff.finetuning.run import finetune, open_encoder, prepare

    definition = load_definition(options.file)
    if options.check:
        prepared = prepare(definition, open_encoder(definition.base, say))
        say(f"{len(prepared.train)} rows to train on, {len(prepared.validation)} to validate: nothing is wrong")
        return 0
    folder = options.output or OUTPUT / definition.name
    record = finetune(definition, folder, say)
    say(f"record: {folder / 'record.json'} (best validation loss {min(_validation(record)):.4f})")
    names = export(definition, folder, say)
    if names:
        say(f"try it: bakeoff run flows/extract --model {names[0]}")
    return 0


def _validation(record: dict[str, Any]) -> list[float]:
    return [entry["eval_loss"] for entry in record["losses"] if "eval_loss" in entry]
