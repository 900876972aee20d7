"""From a name or a path to a model folder that can be loaded, and what is known about it."""

import hashlib
import os
from pathlib import Path
from typing import Literal

from bakeoff.catalog import cache, embedding_folder, genai_folder, manifest
from bakeoff.catalog.entries import Model, find
from bakeoff.catalog.manifest import Problem
from bakeoff.catalog.progress import Report, silent
from bakeoff.catalog.pull import outdated, pull, pull_address
from bakeoff.catalog.tuned import is_tuned, tuned_folder
from bakeoff.errors import ModelCorruptError, ModelNotFoundError

AZURE_ML = "azureml:"
PULL = "BAKEOFF_PULL"
State = Literal["ready", "not pulled", "damaged", "outdated"]


def resolve(name_or_path: str | Path) -> Path:
    """The folder of a pulled model of the catalog, or any onnxruntime-genai or embedding folder given by its path.

    Fast enough for every load: of a pulled model the sizes and the small files are checked (a change inside the weights
    is found by `verify`), of another folder its configuration and the files that names. A name is a path where it has a
    slash, starts with `~` or `.`, or is not in the catalog but there. Nothing is fetched.
    Raises ModelNotFoundError (unknown, or not pulled: says the command) and ModelCorruptError (says what is wrong).
    """
    path = _as_path(name_or_path) or tuned_folder(str(name_or_path))
    if path is not None:
        return _checked(path)
    model = find(str(name_or_path))
    folder = cache.folder_of(model.name)
    if not folder.exists():
        raise ModelNotFoundError(
            f"{model.name} is not on this machine yet: run `bakeoff models pull {model.name}` ({model.variant.size})"
        )
    command = f"run `bakeoff models pull {model.name}`"
    try:
        found = manifest.read(folder)
    except ModelCorruptError as error:
        raise ModelCorruptError(f"{error}: {command}") from error
    if outdated(model, found):
        raise ModelNotFoundError(
            f"{model.name} was made from another revision or by an older converter than this Bakeoff asks for:"
            f" {command}"
        )
    return _checked(folder)


def ensure(name_or_path: str | Path, report: Report = silent) -> Path:
    """As `resolve`, but an embedded model that is not there (or not as it should be) is pulled first; every model of
    the catalog where BAKEOFF_PULL is set, as it may be for a compute that starts empty.

    So is one of an Azure ML workspace (`azureml:NAME:VERSION`, `azureml://datastores/NAME/paths/PATH`), once: what
    is changed there under the same address later is not seen. Raises as `resolve` and `pull`.
    """
    if str(name_or_path).startswith(AZURE_ML):
        return _checked(pull_address(str(name_or_path), report))
    if _as_path(name_or_path) is None and tuned_folder(str(name_or_path)) is None:
        model = find(str(name_or_path))
        if (model.entry.embedded or os.environ.get(PULL)) and state(model) != "ready":
            return pull(model.name, report=report)
    return resolve(name_or_path)


def state(model: Model) -> State:
    """What the cache holds of a model, by the quick check."""
    folder = cache.folder_of(model.name)
    if not folder.exists():
        return "not pulled"
    try:
        found = manifest.read(folder)
    except ModelCorruptError:
        return "damaged"
    if manifest.quick_problems(folder, found):
        return "damaged"
    return "outdated" if outdated(model, found) else "ready"


def verify(name_or_path: str | Path) -> list[Problem]:
    """Hash every file of a pulled model; what is damaged, missing or extra.

    Raises ModelNotFoundError where the model is not there, ModelCorruptError where it has no manifest to check against.
    """
    folder = _as_path(name_or_path) or cache.folder_of(find(str(name_or_path)).name)
    if not folder.is_dir():
        raise ModelNotFoundError(f"{name_or_path} is not on this machine: there is no folder {folder}")
    return manifest.all_problems(folder, manifest.read(folder))


def revision(path: Path) -> str:
    """A short revision for the model's identity: 12 hex digits of a sha256.

    Of a pulled model it covers the hash of every file, as recorded. A folder without manifest gives `sizes-` and 12
    digits that cover only its configuration and the names and sizes of its files: cheap, and blind to other weights
    of the same size.
    """
    if (path / manifest.MANIFEST).is_file():
        lines = [f"{name} {file.sha256}" for name, file in sorted(manifest.read(path).files.items())]
        return _digest("\n".join(lines).encode())
    lines = [f"{name} {(path / name).stat().st_size}" for name in manifest.file_names(path)]
    config = embedding_folder.CONFIG if embedding_folder.is_one(path) else genai_folder.CONFIG
    return "sizes-" + _digest((path / config).read_bytes() + "\n".join(lines).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _checked(folder: Path) -> Path:
    if not (folder / manifest.MANIFEST).is_file():
        kind = embedding_folder if embedding_folder.is_one(folder) else genai_folder
        kind.check(folder)
        return folder
    found = manifest.read(folder)
    problems = manifest.quick_problems(folder, found)
    if problems:
        again = "`bakeoff finetune` anew" if is_tuned(found) else f"`bakeoff models pull {found.name}`"
        raise ModelCorruptError(f"{folder} is not as it was made: {'; '.join(map(str, problems[:5]))}: run {again}")
    return folder


def _as_path(name_or_path: str | Path) -> Path | None:
    if isinstance(name_or_path, Path):
        return name_or_path
    separators = {"/", os.sep, os.altsep or "/"}
    if name_or_path.startswith(("~", ".")) or any(s in name_or_path for s in separators):
        return Path(name_or_path).expanduser()
    try:
        find(name_or_path)
    except ModelNotFoundError:
        path = Path(name_or_path)
        return path if name_or_path and path.exists() else None
    return None
