"""A tiny base in a catalog of its own, and a data set and a file to fine-tune it with."""

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

import yaml
from tiny_gguf import TOKENS, write_tiny_gguf

LETTERS = "abcdefgh"
CHILD = """
import sys
from pathlib import Path
from bakeoff.catalog import entries
entries.CATALOG_FILE = Path(sys.argv[1])
from bakeoff.cli import main
sys.exit(main(sys.argv[2:]))
"""


def bakeoff_with(folder: Path) -> list[str]:
    """The command `bakeoff` in a child process, with the catalog that `write_catalog` left in the folder."""
    return [sys.executable, "-W", "ignore", "-c", CHILD, str(folder / "models.yaml")]


def write_catalog(folder: Path) -> Path:
    """The catalog file of the base `tiny`, a GGUF of 2 layers with a token for every byte, and its adapter variant."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
    tokens = [*TOKENS, *(token for token in alphabet if token not in TOKENS)]
    file = write_tiny_gguf(folder / "weights" / "tiny.gguf", "Q4_1", tokens=tokens)
    content = file.read_bytes()
    known = {"tiny.gguf": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    source = {"kind": "folder", "path": str(file.parent)}

    def variant(**option: str) -> dict[str, Any]:
        return {"size": "1 kB", "import": {"from": "gguf", "version": 1, **option}, "files": known, "sources": [source]}

    entry = {
        "description": "for tests",
        "provider": "nobody",
        "licence": "MIT",
        "context_length": 256,
        "chat_template": "ChatML",
        "capabilities": ["chat"],
        "embedded": True,
        "variants": {"cpu": variant(), "adapters": variant(option="adapters")},
    }
    path = folder / "models.yaml"
    path.write_text(yaml.safe_dump({"models": {"tiny": entry}}, sort_keys=False), encoding="utf-8")
    return path


def write_rows(path: Path, count: int, seed: int = 0, prefix: str = "r") -> Path:
    """Messages of random letters whose answer is JSON with their first word."""
    chance = random.Random(seed)
    lines = []
    for number in range(count):
        words = ["".join(chance.choices(LETTERS, k=5)) for _ in range(4)]
        row = {"id": f"{prefix}{number}", "message": " ".join(words), "answer": json.dumps({"first": words[0]})}
        lines.append(json.dumps(row) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_definition(folder: Path, **changes: Any) -> Path:
    """A fine-tuning file beside train.jsonl; `adapter` and `training` take single fields."""
    if not (folder / "train.jsonl").exists():
        write_rows(folder / "train.jsonl", 40)
    value: dict[str, Any] = {
        "finetune": "words",
        "base": "tiny",
        "data": "train.jsonl",
        "column_mapping": {"system": "s", "question": "${data.message}", "answer": "${data.answer}"},
        "max_length": 128,
        "adapter": {"rank": 4, "alpha": 8},
        "training": {"max_steps": 6, "batch_size": 4, "learning_rate": 0.02, "evaluate_every": 2, "threads": 1},
        "export": {"merged": ["fp32", "int8", "exact"]},
    }
    for key, change in changes.items():
        value[key] = {**value[key], **change} if isinstance(value.get(key), dict) else change
    path = folder / "finetune.yaml"
    path.write_text(yaml.safe_dump(value), encoding="utf-8")
    return path
