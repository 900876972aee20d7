"""The texts a task is made of, kept as data: a YAML file in definitions/."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Definition:
    """A YAML file beside the suite: `version`, `source`, `licence`, and the texts the task is made of."""

    path: Path

    @cached_property
    def texts(self) -> Mapping[str, Any]:
        content: Mapping[str, Any] = yaml.safe_load(self.path.read_text(encoding="utf-8"))
        return content

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def definition(name: str) -> Definition:
    """The definition in `definitions/<name>.yaml`."""
    return Definition(Path(__file__).parent / "definitions" / f"{name}.yaml")
