"""Keys and passwords in files that are shared or uploaded: connections/, flows/, evaluations/. Never shows one."""

import re
from collections.abc import Iterator
from pathlib import Path

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle

FOLDERS = ("connections", "flows", "evaluations", "experiments")
TEXT = {".yaml", ".yml", ".json", ".jsonl", ".md", ".txt", ".py", ".jinja2", ".prompty", ".toml", ".cfg", ".ini", ".sh"}
SHAPES = {
    "an OpenAI key": re.compile(r"\bsk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "a storage account key": re.compile(r"\bAccountKey=[A-Za-z0-9+/=]{20,}"),
    "an Azure key": re.compile(r"(?:JQQJ99|AzSe[A-Z])[A-Za-z0-9]{6,}\b"),
    "a shared access signature": re.compile(r"sig=[A-Za-z0-9%+/]{30,}"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
ASSIGNED = re.compile(
    r"(?i)(?:api[_-]?key|secret|password|passwd|access[_-]?token|account[_-]?key|auth[_-]?token)[\"']?\s*[:=]\s*"
    r"[\"']?(?=[A-Za-z+/_=-]*\d)[A-Za-z0-9+/_=-]{16,}[\"']?\s*,?\s*(?:#.*)?$"
)


def check(bundle: Bundle) -> Iterator[Finding]:
    """`.env` files that would be uploaded, and lines that look as if they held a secret."""
    for path in bundle.files:
        if path.relative_to(bundle.root).parts[0] not in FOLDERS and not any(
            path.is_relative_to(flow.folder) for flow in bundle.flows
        ):
            continue
        if path.name == ".env" and not _ignored(path):
            message = (
                "an .env file holds secrets and a cloud run uploads it: move it out or name it in an .amlignore here"
            )
            yield error(path, 0, message)
        elif path.suffix in TEXT:
            yield from _lines(path)


def secret_in(line: str) -> str | None:
    """What the line looks as if it held, for example `an OpenAI key`; None for a harmless line."""
    kind = next((kind for kind, shape in SHAPES.items() if shape.search(line)), None)
    return kind or ("a key or password" if ASSIGNED.search(line) else None)


def _lines(path: Path) -> Iterator[Finding]:
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        kind = secret_in(line)
        if kind:
            yield error(
                path,
                number,
                f"looks as if it held {kind}: take it out (and revoke it if it was shared); "
                'write "<user-input>" in connection templates',
            )


def _ignored(path: Path) -> bool:
    """Prompt Flow leaves out of an upload what .amlignore names, or .gitignore where there is no .amlignore."""
    for name in (".amlignore", ".gitignore"):
        file = path.parent / name
        if file.is_file():
            return ".env" in file.read_text(encoding="utf-8").split()
    return False
