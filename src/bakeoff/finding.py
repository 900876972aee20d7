"""What a check has found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to repair: where it stands (line 1 is the first; 0 stands for the whole file) and what to do."""

    path: Path
    line: int
    severity: Severity
    message: str


def error(path: Path, line: int, message: str) -> Finding:
    """Something that fails, or that gives wrong numbers."""
    return Finding(path, line, "error", message)


def warning(path: Path, line: int, message: str) -> Finding:
    """Something that works here and now, but is likely not meant."""
    return Finding(path, line, "warning", message)
