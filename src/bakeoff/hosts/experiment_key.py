"""What an answer depends on, as a hash: change any of it and the answer is asked for again."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import bakeoff
from bakeoff import __version__, catalog
from bakeoff.catalog.tuned import split_name, tuned_models
from bakeoff.errors import BakeoffError
from bakeoff.experiments.definition import Contender, Flow, Task
from bakeoff.hosts.experiment_images import by_content
from bakeoff.hosts.promptflow_connections import get_connection
from bakeoff.hosts.promptflow_data import COLUMN

PACKAGE = Path(bakeoff.__file__).parent
LIBRARIES = ("promptflow-core", "onnxruntime", "onnxruntime-genai", "openai")
NOT_ANSWERING = ("experiments", "benchmarks", "hosts/doctor", "hosts/submission")
"""Folders of bakeoff that no flow calls: work on them does not throw answers away. See `_front` for single files."""
IGNORED = {"__pycache__", ".promptflow", ".runs", "process_log", ".git", ".DS_Store"}
"""What is no part of a flow. Prompt Flow writes `process_log` there while it runs, and leaves it when it is killed."""


def digest(content: object) -> str:
    """sha256 of JSON-ready content, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def flow_digest(flow: Flow) -> str:
    """Of every file of a flow and of what it includes, of the bakeoff that is installed, and of the libraries."""
    roots = [flow.folder, *(path for path in flow.includes if path != PACKAGE)]
    return digest([[_tree(root) for root in roots], _package(), {name: _version(name) for name in LIBRARIES}])


def cell_content(task: Task, contender: Contender, repeat: int) -> dict[str, Any]:
    """What all answers of a cell depend on beside the row: JSON-ready, and without a secret.

    Raises InputError for a connection that is not registered and BakeoffError for a model that is not on this machine.
    """
    constants = constant_inputs(task, contender)
    names = sorted({name for node in contender.connections.values() for name in node.values()})
    return {
        "flow": flow_digest(task.flow),
        "inputs": constants,
        "columns": {k: v for k, v in _mapping(task, contender).items() if k not in constants},
        "models": _revisions(task, constants),
        "connections": contender.connections,
        "endpoints": {name: endpoint_of(name) for name in names},
        "environment": {**task.environment, **contender.environment},
        "repeat": repeat,
    }


def row_key(task: Task, contender: Contender, row_id: str, row: Mapping[str, Any]) -> str:
    """Of the row's id and what the flow gets of it: a corrected reference answer does not ask for new answers.

    An input that is neither mapped nor has a default is filled from the column of its name, as Prompt Flow does.
    """
    mapped = _mapping(task, contender)
    columns = {match[1] for value in mapped.values() if isinstance(value, str) and (match := COLUMN.fullmatch(value))}
    columns |= {name for name in task.flow.inputs if name not in mapped}
    given = {column: row[column] for column in columns if column in row}
    return digest([row_id, by_content(given, task.data.parent)])


def constant_inputs(task: Task, contender: Contender) -> dict[str, Any]:
    """Flow inputs that are the same for every row."""
    return {k: v for k, v in _mapping(task, contender).items() if not (isinstance(v, str) and COLUMN.fullmatch(v))}


def _mapping(task: Task, contender: Contender) -> dict[str, Any]:
    return {**task.column_mapping, **contender.inputs}


def _revisions(task: Task, constants: Mapping[str, Any]) -> dict[str, str]:
    """Revision of every local model that an input names, in the experiment or by default."""
    defaults = {name: value.get("default") for name, value in task.flow.inputs.items() if isinstance(value, Mapping)}
    known, tuned = catalog.models(), tuned_models()
    found = {}
    for name, value in (defaults | dict(constants)).items():
        if not isinstance(value, str):
            continue
        if value in known:
            found[name] = catalog.revision(catalog.ensure(value, print))
        elif value in tuned:
            base = split_name(value)[0]  # an adapter's; else the model itself
            folders = [tuned[value].folder] if base == value else [tuned[value].folder, catalog.ensure(base, print)]
            found[name] = " ".join(map(catalog.revision, folders))
        elif any(separator in value for separator in ("/", os.sep)) and Path(value).expanduser().is_dir():
            found[name] = _folder_revision(Path(value).expanduser())
    return found


def _folder_revision(folder: Path) -> str:
    """Of a model folder; of any other folder (an index) the names, sizes and times of its files."""
    try:
        return catalog.revision(folder)
    except (BakeoffError, OSError):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return digest([[p.relative_to(folder).as_posix(), p.stat().st_size, p.stat().st_mtime_ns] for p in files])


def endpoint_of(name: str) -> dict[str, Any]:
    """Type and address of a connection; its secrets are left out."""
    connection = get_connection(name)
    return {"type": type(connection).__name__} | {k: str(v) for k, v in connection.configs.items()}


@cache
def _package() -> str:
    return digest([__version__, _hashes(PACKAGE, (p for p in _files(PACKAGE) if not _front(p)))])


def _front(path: Path) -> bool:
    place = path.relative_to(PACKAGE).as_posix()
    return (
        place.startswith(tuple(f"{folder}/" for folder in NOT_ANSWERING))
        or place.startswith("hosts/experiment_")
        or place.endswith("_command.py")
        or place == "cli.py"
    )


def _tree(root: Path) -> list[tuple[str, str]]:
    return _hashes(root.parent, _files(root)) if root.is_dir() else _hashes(root.parent, [root])


def _files(root: Path) -> Iterator[Path]:
    return (p for p in sorted(root.rglob("*")) if p.is_file() and not IGNORED.intersection(p.relative_to(root).parts))


def _hashes(base: Path, files: Iterable[Path]) -> list[tuple[str, str]]:
    return [(p.relative_to(base).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
