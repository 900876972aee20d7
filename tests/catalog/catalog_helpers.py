"""Wheels and model folders that look right without being models."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

GGUF = b"GGUF, not really: " + bytes(range(256)) * 40


def genai_files(text: str = "one") -> dict[str, bytes]:
    """The files of a folder that passes for an onnxruntime-genai model."""
    config = {"model": {"type": "phi3", "decoder": {"filename": "model.onnx"}}}
    return {
        "genai_config.json": json.dumps(config).encode(),
        "model.onnx": b"graph " + text.encode(),
        "tokenizer.json": b"{}",
    }


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def write_wheel(folder: Path, member: bytes = GGUF) -> Path:
    """A wheel `tiny-weights` 1.0 that carries `member` as tiny_weights/tiny.gguf."""
    info = "tiny_weights-1.0.dist-info"
    content = {
        "tiny_weights/tiny.gguf": member,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def wheel_variant(data: bytes = GGUF, version: int = 1) -> dict[str, Any]:
    """A variant that takes tiny.gguf, expected to be `data`, out of that wheel and imports it."""
    source = {"kind": "wheel", "package": "tiny-weights==1.0", "members": ["tiny_weights/tiny.gguf"], "size": 12000}
    known = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"import": {"from": "gguf", "version": version}, "files": {"tiny.gguf": known}, "sources": [source]}
