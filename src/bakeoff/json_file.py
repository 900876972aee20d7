"""JSON files that are never half there."""

import json
import os
from pathlib import Path


def write_json(path: Path, content: object) -> None:
    """Write a file in one step: beside it, then renamed."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=1, ensure_ascii=False))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
