"""Connections that flows and run files name, against the nodes and against Prompt Flow's registry on this machine."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bakeoff.finding import Finding, error, warning
from bakeoff.hosts.doctor.bundle import Bundle
from bakeoff.hosts.promptflow_settings import home
from bakeoff.yaml_lines import Document, Keys, mapping, read


@dataclass(frozen=True)
class Use:
    """A connection that a file names."""

    name: str
    path: Path
    line: int


def database() -> Path:
    """Where Prompt Flow keeps its connections."""
    return home().resolve() / "pf.sqlite"


def check(bundle: Bundle) -> Iterator[Finding]:
    """Connections for nodes that do not exist, and names that are not registered (a warning: it may be elsewhere)."""
    yield from unknown_nodes(bundle)
    registered = _registered()
    if registered is None:
        return
    for use in uses(bundle):
        if use.name not in registered:
            template = bundle.root / "connections" / f"{use.name}.yaml"
            file = bundle.shown(template) if template.exists() else "<its template>.yaml"
            yield warning(
                use.path,
                use.line,
                f"connection {use.name!r} is not registered on this machine: run `pf connection create --file {file}` "
                "before you use it here",
            )


def unknown_nodes(bundle: Bundle) -> Iterator[Finding]:
    """Connections that run files give to nodes which do not exist."""
    for run in bundle.runs:
        nodes = {node.name for node in run.flow.nodes} if run.flow and run.flow.document.value else None
        for node in mapping(run.document.value.get("connections")):
            if nodes is not None and node not in nodes:
                line = run.document.line("connections", node)
                known = ", ".join(sorted(nodes))
                yield error(
                    run.document.path, line, f"a connection for node {node!r}, which does not exist: use {known}"
                )


def not_checked(bundle: Bundle) -> list[str]:
    """What this check had to leave out, in words."""
    names = sorted({use.name for use in uses(bundle)})
    if not names or _registered() is not None:
        return []
    return [f"connections not checked ({', '.join(names)}): Prompt Flow has no readable database {database()} yet"]


def uses(bundle: Bundle) -> Iterator[Use]:
    """Connections by name, in nodes and in the `connections` of run files and of contenders."""
    for flow in bundle.flows:
        for node in flow.nodes:
            for keys, name in node.connections.items():
                if _is_name(name):
                    yield Use(str(name), flow.document.path, flow.document.line(*node.keys, *keys))
    for run in bundle.runs:
        yield from _given(run.document, ())
    for path in bundle.experiments:
        document, _ = read(path)
        for contender in mapping(document.value.get("contenders")):
            yield from _given(document, ("contenders", contender))


def _given(document: Document, keys: Keys) -> Iterator[Use]:
    """What the mapping of nodes to connections below those keys names."""
    value: object = document.value
    for key in keys:
        value = mapping(value).get(str(key))
    for node, values in mapping(mapping(value).get("connections")).items():
        for key, name in mapping(values).items():
            if key not in ("deployment_name", "model") and _is_name(name):
                yield Use(str(name), document.path, document.line(*keys, "connections", node, key))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not value.startswith(("$", "<"))


def _registered() -> set[str] | None:
    """Names only: configurations and keys are never read. None without a database that can be read."""
    path = database()
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as registry:
            if not registry.execute("SELECT 1 FROM sqlite_master WHERE name = 'connection'").fetchone():
                return set()
            return {name for (name,) in registry.execute("SELECT connectionName FROM connection")}
    except sqlite3.Error:
        return None
