"""What was answered so far, one JSON line an item, so that a run that was killed goes on where it stopped."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import InputError


@dataclass(frozen=True)
class Journal:
    """A file whose name holds a hash of everything that an answer depends on: it never mixes two settings."""

    path: Path

    def read(self) -> dict[str, Mapping[str, Any]]:
        """The records by item id. A last line that was cut off is dropped, from the file too.

        Raises InputError for a damaged line before it.
        """
        if not self.path.exists():
            return {}
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self.path.write_bytes(whole)
        records = {}
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                record = json.loads(line)
                records[record["id"]] = record
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"{self.path}, line {number}: not a journal record; delete the file") from error
        return records

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record (it has an `id`); it is with the operating system before this returns."""
        with self.path.open("ab") as file:
            file.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
