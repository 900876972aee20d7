"""A fine-tuning file, checked before anything runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator

from bakeoff.errors import InputError
from bakeoff.finding import Finding, error
from bakeoff.yaml_lines import read

SCHEMA = Path(__file__).with_name("schema.json")
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class AdapterSettings:
    """Fields as in schema.json."""

    kind: Literal["lora", "dora", "qlora"] = "lora"
    rank: int = 16
    alpha: float = 32
    dropout: float = 0
    modules: tuple[str, ...] = MODULES
    frozen_layers: int = 0


@dataclass(frozen=True)
class TrainingSettings:
    """Fields as in schema.json."""

    epochs: float = 3
    max_steps: int | None = None
    batch_size: int = 8
    gradient_accumulation: int = 1
    learning_rate: float = 0.0005
    warmup_steps: int = 10
    evaluate_every: int = 50
    patience: int = 3
    threads: int | None = None
    deepspeed: Path | None = None


@dataclass(frozen=True)
class FineTuning:
    """The whole file; paths are absolute, fields as in schema.json."""

    path: Path
    name: str
    base: str
    data: Path
    column_mapping: Mapping[str, str]
    test: Path | None = None
    answer_schema: Mapping[str, Any] | None = None
    max_length: int = 512
    validation: float = 0.1
    seed: int = 0
    adapter: AdapterSettings = field(default_factory=AdapterSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    export_adapter: bool = True
    merged: tuple[str, ...] = ("int8",)
    hardware: Mapping[str, Any] | None = None


class FileProblems(InputError):
    """A fine-tuning file that cannot be run: one finding for each problem, shown as `file:line: field: message`."""

    def __init__(self, findings: Sequence[Finding]):
        super().__init__("\n".join(f"{found.path}:{found.line}: {found.message}" for found in findings))
        self.findings = tuple(findings)


def is_one(value: Mapping[str, Any]) -> bool:
    """Whether a YAML mapping is a fine-tuning file and not an experiment."""
    return "finetune" in value


def load_definition(path: Path) -> FineTuning:
    """Read and check a fine-tuning file.

    Raises FileProblems with each problem, InputError where there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    document, findings = read(path)
    if not findings:
        validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
        for problem in validator.iter_errors(document.value):
            keys = tuple(problem.absolute_path)
            where = ".".join(map(str, keys))
            message = f"{where + ': ' if where else ''}{problem.message}"
            findings.append(error(path, document.line(*keys), message))
    if findings:
        raise FileProblems(findings)
    value = document.value

    def file(key: str, given: str) -> Path:
        found = (path.parent / given).resolve()
        if not found.is_file():
            raise FileProblems([error(path, document.line(*key.split(".")), f"{key}: {found} does not exist")])
        return found

    adapter = AdapterSettings(**{**value.get("adapter", {}), **_modules(value.get("adapter", {}))})
    training = dict(value.get("training", {}))
    if "deepspeed" in training:
        training["deepspeed"] = file("training.deepspeed", training["deepspeed"])
    if adapter.frozen_layers and (adapter.dropout or adapter.kind == "qlora" or "deepspeed" in training):
        message = "adapter.frozen_layers does not go with dropout, qlora or deepspeed"
        raise FileProblems([error(path, document.line("adapter", "frozen_layers"), message)])
    schema = None
    if "answer_schema" in value:
        schema = json.loads(file("answer_schema", value["answer_schema"]).read_text(encoding="utf-8"))
    export = value.get("export", {})
    return FineTuning(
        path=path.resolve(),
        name=value["finetune"],
        base=_base(path, value["base"]),
        data=file("data", value["data"]),
        column_mapping=value["column_mapping"],
        test=file("test", value["test"]) if "test" in value else None,
        answer_schema=schema,
        max_length=value.get("max_length", 512),
        validation=value.get("validation", 0.1),
        seed=value.get("seed", 0),
        adapter=adapter,
        training=TrainingSettings(**training),
        export_adapter=export.get("adapter", True),
        merged=tuple(export.get("merged", ("int8",))),
        hardware=value.get("hardware"),
    )


def _base(path: Path, given: str) -> str:
    """A folder relative to the file, where there is one of that name; else the name itself."""
    folder = path.parent / Path(given).expanduser()
    return str(folder.resolve()) if folder.is_dir() else given


def _modules(adapter: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {"modules": tuple(adapter["modules"])} if "modules" in adapter else {}
