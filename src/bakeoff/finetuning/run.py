"""From a fine-tuning file to a trained adapter and the record of how it came about."""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bakeoff import __version__, catalog
from bakeoff.errors import InputError, NotSupportedError
from bakeoff.finetuning.definition import FineTuning
from bakeoff.finetuning.examples import Example, digest, read_examples
from bakeoff.finetuning.sessions import Sessions
from bakeoff.finetuning.split import check_leakage, split
from bakeoff.finetuning.tokens import Encoder, FolderEncoder, OnnxEncoder, TokenRow, encode
from bakeoff.json_file import write_json

PACKAGES = ("torch", "transformers", "peft", "accelerate", "onnxruntime", "onnxruntime-genai", "numpy")
RECORD = "record.json"
WEIGHTS = "adapter"
Report = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """Checked data of a run as token rows."""

    train: list[TokenRow]
    validation: list[TokenRow]
    tokens: int


def require() -> None:
    """Raises NotSupportedError where the extra `finetune` is not installed."""
    for package in ("torch", "transformers", "peft"):
        try:
            version(package)
        except PackageNotFoundError:
            raise NotSupportedError(
                f"{package} is not installed: `pip install --constraint constraints.txt bakeoff[finetune]`"
            ) from None


def prepare(definition: FineTuning, encoder: Encoder) -> Prepared:
    """Read, check and split the data; nothing is trained. Raises InputError as the steps do."""
    examples = read_examples(definition.data, definition.column_mapping, definition.answer_schema)
    if definition.test:
        test = read_examples(definition.test, definition.column_mapping, definition.answer_schema, fewest=1)
        check_leakage(examples, test, definition.data, definition.test)
    parts: tuple[list[Example], list[Example]] = split(examples, definition.validation, definition.seed)
    train, validation = (encode(part, encoder, definition.max_length, definition.data) for part in parts)
    return Prepared(train, validation, sum(len(row.ids) for row in train))


def open_encoder(base: str, report: Report) -> Encoder:
    """The tokenizer of a base. Raises as `catalog.ensure` does."""
    if is_folder(base):
        return FolderEncoder(Path(base))
    return OnnxEncoder(catalog.ensure(base, report))


def is_folder(base: str) -> bool:
    return (Path(base) / "config.json").is_file()


def finetune(definition: FineTuning, folder: Path, report: Report) -> dict[str, Any]:
    """Train and leave the adapter (peft's format) and record.json in `folder`; the record.

    A run whose record is there and was made from the same file and data is not repeated; one that was killed goes on,
    and `spent` in its record is the time of all its sessions.
    Raises NotSupportedError, InputError and what the base and the data raise, before any training.
    """
    require()
    inputs = _inputs(definition)
    if (folder / RECORD).is_file():
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["inputs"] == inputs:
            report(f"trained already: {folder / RECORD}")
            return record
    _check_state(folder, inputs)
    sessions = Sessions(folder / "sessions.json")
    report(f"checking {definition.data.name}")
    prepared = prepare(definition, open_encoder(definition.base, report))
    report(
        f"{len(prepared.train)} rows to train on ({prepared.tokens:,} tokens), {len(prepared.validation)} to validate"
    )
    import torch

    from bakeoff.finetuning.adapter import open_base, wrap
    from bakeoff.finetuning.trainer import Stem, to_features, train

    torch.manual_seed(definition.seed)
    threads = definition.training.threads or _threads()
    torch.set_num_threads(threads)
    model = open_base(definition, report)
    frozen = definition.adapter.frozen_layers
    stem = Stem(model, frozen) if frozen else None
    if stem:
        report(f"computing what the {frozen} frozen layers give")
    training, validation = (to_features(rows, stem) for rows in (prepared.train, prepared.validation))
    sessions.note()
    adapted = wrap(model, definition)
    log = train(model, adapted, training, validation, definition, folder / "checkpoints", report, sessions.note)
    if stem:
        stem.join()
    adapted.save_pretrained(str(folder / WEIGHTS))
    record = {
        "name": definition.name,
        "base": definition.base,
        "inputs": inputs,
        "seed": definition.seed,
        "rows": {"train": len(prepared.train), "validation": len(prepared.validation)},
        "tokens_an_epoch": prepared.tokens,
        "losses": _losses(log),
        "spent": {**sessions.spent(), "threads": threads},
        "versions": {"bakeoff": __version__, "python": platform.python_version(), **_versions()},
        "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
    }
    record["estimate"] = _estimate(definition, record)
    write_json(folder / RECORD, record)
    return record


def _inputs(definition: FineTuning) -> dict[str, Any]:
    """Everything that decides what comes out, as JSON: data by their hash."""
    return {
        "data": digest(definition.data),
        "test": digest(definition.test) if definition.test else None,
        "base": definition.base,
        "column_mapping": dict(definition.column_mapping),
        "max_length": definition.max_length,
        "validation": definition.validation,
        "seed": definition.seed,
        "adapter": {**asdict(definition.adapter), "modules": list(definition.adapter.modules)},
        "training": {
            key: str(value) if isinstance(value, Path) else value
            for key, value in asdict(definition.training).items()
            if key != "threads"
        },
    }


def _check_state(folder: Path, inputs: dict[str, Any]) -> None:
    """Checkpoints of other data or settings must not be gone on with."""
    state = folder / "inputs.json"
    if state.is_file() and json.loads(state.read_text(encoding="utf-8")) != inputs:
        raise InputError(
            f"{folder} holds a run with other data or settings: give another --output, or remove that folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(state, inputs)


def _losses(log: list[Any]) -> list[dict[str, float]]:
    kept = ("step", "epoch", "loss", "eval_loss", "learning_rate", "grad_norm")
    return [
        {key: float(entry[key]) for key in kept if key in entry}
        for entry in log
        if "loss" in entry or "eval_loss" in entry
    ]


def _versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}


def _threads() -> int:
    from bakeoff.models.onnx_runtime import thread_count

    return thread_count()


def _estimate(definition: FineTuning, record: dict[str, Any]) -> dict[str, Any]:
    """Energy and cost of all sessions by the hardware that the file states; empty where it states none."""
    if not definition.hardware:
        return {}
    hours = record["spent"]["seconds"] / 3600
    kwh = definition.hardware["watts"] / 1000 * hours
    cost = kwh * definition.hardware["price_per_kwh"] + hours * definition.hardware.get("price_per_hour", 0)
    return {"kwh": kwh, "cost": cost, "currency": definition.hardware.get("currency", "EUR"), "basis": "wall clock"}
