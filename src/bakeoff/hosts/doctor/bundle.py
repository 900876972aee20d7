"""The parts of a bundle, read once for all checks: flows, run files, data files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.errors import InputError
from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.tables import READABLE, Row, read_rows
from bakeoff.yaml_lines import Document, Keys, mapping, read, sequence

FLOW_FILE = "flow.dag.yaml"
NOT_SOURCE = {"__pycache__", "node_modules", "build", "dist"}
NOT_LOCAL = ("azureml:", "azureml://", "https://", "http://")


@dataclass(frozen=True)
class Node:
    """A node of a flow, or one variant of it; `keys` lead to it in the flow's YAML."""

    name: str
    value: dict[str, Any]
    keys: Keys

    @property
    def inputs(self) -> dict[str, Any]:
        return mapping(self.value.get("inputs"))

    @property
    def connections(self) -> dict[Keys, object]:
        """What it is given as connections: `connection` of an LLM node, inputs called so (`search_connection`)."""
        given: dict[Keys, object] = {
            ("inputs", name): value for name, value in self.inputs.items() if str(name).endswith("connection")
        }
        return given | ({("connection",): self.value["connection"]} if "connection" in self.value else {})

    @property
    def source_path(self) -> str | None:
        """The file it runs, relative to the flow; None for a tool that comes from a package without a file."""
        path = mapping(self.value.get("source")).get("path")
        return path if isinstance(path, str) and path else None


@dataclass(frozen=True)
class Flow:
    """A folder with a flow.dag.yaml."""

    folder: Path
    document: Document

    @property
    def inputs(self) -> dict[str, Any]:
        return mapping(self.document.value.get("inputs"))

    @property
    def outputs(self) -> dict[str, Any]:
        return mapping(self.document.value.get("outputs"))

    @property
    def nodes(self) -> list[Node]:
        """Nodes in the order of the file; one for each variant of a node that has variants."""
        nodes = []
        for number, value in enumerate(sequence(self.document.value.get("nodes"))):
            name = str(mapping(value).get("name"))
            variants = mapping(mapping(mapping(self.document.value.get("node_variants")).get(name)).get("variants"))
            if mapping(value).get("use_variants") and variants:
                for variant, body in variants.items():
                    keys: Keys = ("node_variants", name, "variants", variant, "node")
                    nodes.append(Node(name, mapping(mapping(body).get("node")), keys))
            else:
                nodes.append(Node(name, mapping(value), ("nodes", number)))
        return nodes

    @property
    def includes(self) -> list[tuple[Path, int]]:
        """Files and folders of `additional_includes`, and the line of each."""
        included = enumerate(sequence(self.document.value.get("additional_includes")))
        return [((self.folder / str(p)).resolve(), self.document.line("additional_includes", n)) for n, p in included]

    @property
    def is_evaluation(self) -> bool:
        return any(node.value.get("aggregation") for node in self.nodes)


@dataclass(frozen=True)
class Run:
    """A run file; `flow` and `data` are None where it names none, or one that is not on this machine."""

    document: Document
    flow: Flow | None
    data: Path | None

    @property
    def column_mapping(self) -> dict[str, Any]:
        return mapping(self.document.value.get("column_mapping"))


@dataclass(frozen=True)
class Bundle:
    """Everything that the checks look at.

    tables: the rows of each data set. experiments: what `bakeoff run` compares. unreadable: what could not be read.
    """

    root: Path
    files: list[Path] = field(repr=False)
    flows: list[Flow]
    runs: list[Run]
    tables: dict[Path, list[Row]] = field(repr=False)
    experiments: list[Path]
    unreadable: list[Finding]

    def shown(self, path: Path) -> str:
        """The path as a person in the bundle's folder would type it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def read_bundle(root: Path) -> Bundle:
    """Read the bundle in that folder; raises InputError where there is no flow in it."""
    root = root.resolve()
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: name the folder of a Prompt Flow bundle")
    files = sorted(_files(root))
    unreadable: list[Finding] = []
    flows = {}
    for path in files:
        if path.name == FLOW_FILE:
            document, problems = read(path)
            unreadable += problems
            flows[path.parent] = Flow(path.parent, document)
    if not flows:
        raise InputError(f"there is no {FLOW_FILE} in {root} or below it: name the folder of a Prompt Flow bundle")
    runs = []
    for path in files:
        if path.name.startswith("run") and path.suffix in (".yaml", ".yml"):
            document, problems = read(path)
            unreadable += problems
            if "flow" in document.value:
                runs.append(_run(document, flows, unreadable))
    tables = {}
    for path in sorted({run.data for run in runs if run.data} | set(_data_sets(files, root))):
        tables[path], problems = read_rows(path)
        unreadable += problems
    experiments = [path for path in files if path.parent == root / "experiments" and path.suffix in (".yaml", ".yml")]
    return Bundle(root, files, list(flows.values()), runs, tables, experiments, unreadable)


def _files(root: Path) -> Iterator[Path]:
    """Files of the bundle; not its tests, which may hold what is broken on purpose, and nothing installed or hidden."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not name.endswith(".egg-info")
            and name not in NOT_SOURCE
            and not (here / name / "pyvenv.cfg").exists()
            and here / name != root / "tests"
        ]
        yield from (here / name for name in names)


def _run(document: Document, flows: dict[Path, Flow], findings: list[Finding]) -> Run:
    path = document.path
    named = {}
    for key in ("flow", "data"):
        value = document.value.get(key)
        if not isinstance(value, str) or value.startswith(NOT_LOCAL):
            continue
        target = (path.parent / value).resolve()
        if target.exists():
            named[key] = target
        elif key == "data" or ":" not in value:
            findings.append(error(path, document.line(key), f"{key} {value!r} does not exist: correct the path"))
    flow, data = named.get("flow"), named.get("data")
    folder = flow.parent if flow and flow.name == FLOW_FILE else flow
    tables = tables_of(data) if data else []
    return Run(document, flows.get(folder) if folder else None, tables[0] if len(tables) == 1 else None)


def tables_of(data: Path) -> list[Path]:
    """Files of rows that a run reads: the file itself, or those in the folder that are readable."""
    return [path for path in (sorted(data.iterdir()) if data.is_dir() else [data]) if path.suffix in READABLE]


def _data_sets(files: list[Path], root: Path) -> Iterator[Path]:
    """JSON Lines files in data/ whose rows have a reference answer."""
    for path in files:
        if path.suffix == ".jsonl" and path.is_relative_to(root / "data"):
            with path.open("rb") as file:
                if b'"ground_truth"' in file.readline():
                    yield path
