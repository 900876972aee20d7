"""What models answered so far, by content: the same question to the same model is never asked twice.

A run that was killed goes on where it stopped; a larger `--limit` asks only what is new. One JSON line an answer.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]


def key_of(model: Mapping[str, Any], versions: Mapping[str, str], question: Mapping[str, Any]) -> str:
    """The hash of everything an answer depends on: the model of the method card, its runtime, and what is asked."""
    content = json.dumps([model, versions, question], sort_keys=True)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Answers:
    """A file of answers. Several runs may add to it."""

    path: Path

    def read(self) -> dict[str, Record]:
        """The answers by key. A line that is not one (cut off by a kill) is left out, so it is asked again."""
        if not self.path.exists():
            return {}
        found: dict[str, Record] = {}
        for line in self.path.read_bytes().splitlines():
            try:
                record = json.loads(line)
                found[record["key"]] = record["answer"]
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def append(self, key: str, answer: Record) -> None:
        """Add an answer; it is with the operating system before this returns."""
        line = json.dumps({"key": key, "answer": answer}, ensure_ascii=False).encode("utf-8", "backslashreplace")
        with self.path.open("a+b") as file:
            if file.tell():
                file.seek(-1, 2)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line + b"\n")
