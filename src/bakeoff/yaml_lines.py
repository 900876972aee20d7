"""A YAML file as plain values together with the line of every key and list item."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bakeoff.finding import Finding, error

Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A YAML mapping and where its parts stand: `line("nodes", 0, "inputs", "question")`."""

    path: Path
    value: dict[str, Any]
    lines: dict[Keys, int] = field(repr=False)

    def line(self, *keys: str | int) -> int:
        """The line of that key or list item; of the nearest part around it where it does not exist."""
        while keys not in self.lines:
            keys = keys[:-1]
        return self.lines[keys]


def read(path: Path) -> tuple[Document, list[Finding]]:
    """The mapping of a YAML file (empty where it cannot be read) and what is wrong with the file itself."""
    empty = Document(path, {}, {(): 1})
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8-sig"))
        node = loader.get_single_node()
        value = loader.construct_document(node) if node else None
    except UnicodeDecodeError:
        return empty, [error(path, 1, "is not UTF-8: save it as UTF-8")]
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        return empty, [error(path, mark.line + 1 if mark else 1, f"is not valid YAML: {problem.problem}")]
    except yaml.YAMLError as problem:
        return empty, [error(path, 1, f"is not valid YAML: {problem}")]
    if node is None or not isinstance(value, dict):
        return empty, [error(path, 1, "holds no mapping of names to values")]
    notes = _Notes({(): 1}, [], set())
    _note(node, (), notes)
    twice = [error(path, line, f"{key!r} stands here twice: remove one") for line, key in notes.twice]
    return Document(path, value, notes.lines), twice


@dataclass(frozen=True)
class _Notes:
    """Lines by keys, keys that stand twice with their lines, and ids of the nodes that are noted."""

    lines: dict[Keys, int]
    twice: list[tuple[int, str]]
    seen: set[int]


def _note(node: yaml.Node, keys: Keys, notes: _Notes) -> None:
    """Note the lines of a node and what is in it; where an alias repeats one, its parts keep the first place."""
    if id(node) in notes.seen:
        return
    notes.seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*keys, str(key.value))
            line = key.start_mark.line + 1
            if inner in notes.lines:
                notes.twice.append((line, str(key.value)))
            notes.lines[inner] = line
            _note(value, inner, notes)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            notes.lines[*keys, number] = item.start_mark.line + 1
            _note(item, (*keys, number), notes)


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
