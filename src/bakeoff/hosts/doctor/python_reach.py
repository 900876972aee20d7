"""Which modules from outside a flow's code can come to import, followed from function to function.

A function of a shared module counts only where something that the flow reaches uses it, so a library that one function
imports when it is called is not asked of flows that never call it. Calls by a name put together at run time
(`getattr`) are not seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.hosts.doctor.python_code import BODY, Import, Part, parts_of

EVERYTHING = "*"


@dataclass(frozen=True)
class File:
    """A Python file and the dotted package it belongs to (empty for a module at the top)."""

    path: Path
    package: str


@dataclass(frozen=True)
class Needed:
    """A module from outside, and an import of it."""

    module: str
    path: Path
    line: int


def needed(starts: Sequence[Path], roots: Mapping[str, Path]) -> dict[str, Needed]:
    """Modules from outside that these files need, directly or through what they use: module -> its first import.

    roots: the packages and modules that travel with the flow, by their top name (`bakeoff` -> .../src/bakeoff).
    """
    outside: dict[str, Needed] = {}
    waiting = [(File(path, ""), EVERYTHING) for path in starts]
    seen = set(waiting)
    while waiting:
        file, name = waiting.pop(0)
        parts = parts_of(file.path, file.package)
        for part in [parts[BODY], *parts.values()] if name == EVERYTHING else [parts[name]]:
            for found in part.imports:
                if found.module.partition(".")[0] not in roots:
                    outside.setdefault(found.module, Needed(found.module, file.path, found.line))
            for reached in _reached(file, part, parts, roots):
                if reached not in seen:
                    seen.add(reached)
                    waiting.append(reached)
    return outside


def _reached(
    file: File, part: Part, parts: Mapping[str, Part], roots: Mapping[str, Path]
) -> Iterator[tuple[File, str]]:
    """What the code runs in travelling files: bodies of the modules it imports, functions and classes it uses."""
    for found in part.imports:
        yield from _run_by_import(found, roots)
    for use in part.uses:
        head, _, rest = use.partition(".")
        if target := part.target(head) or parts[BODY].target(head):
            yield from _named(f"{target}.{rest}" if rest else target, roots)
        elif head in parts:
            yield file, head


def _run_by_import(found: Import, roots: Mapping[str, Path]) -> Iterator[tuple[File, str]]:
    dotted = found.target if found.name else found.module
    files, rest = _files(dotted, roots)
    yield from ((file, BODY) for file in files)
    if files and (rest == [EVERYTHING] or not found.binds):
        yield files[-1], EVERYTHING


def _named(dotted: str, roots: Mapping[str, Path], depth: int = 20) -> Iterator[tuple[File, str]]:
    """The function or class of that dotted name, where it is defined; a whole module that is used as a value."""
    files, rest = _files(dotted, roots)
    if not files:
        return
    parts = parts_of(files[-1].path, files[-1].package)
    if not rest:
        yield files[-1], EVERYTHING
    elif rest[0] in parts:
        yield files[-1], rest[0]
    elif (target := parts[BODY].target(rest[0])) and depth:
        yield from _named(".".join([target, *rest[1:]]), roots, depth - 1)
    elif "__getattr__" in parts:
        yield files[-1], "__getattr__"


def _files(dotted: str, roots: Mapping[str, Path]) -> tuple[list[File], list[str]]:
    """The travelling files that importing a dotted name runs, packages first, and the rest of the name after them."""
    names = dotted.split(".")
    root = roots.get(names[0])
    if root is None:
        return [], names
    if root.is_file():
        return [File(root, "")], names[1:]
    files: list[File] = []
    used = 0
    for count in range(1, len(names) + 1):
        base = root.joinpath(*names[1:count])
        if base.is_dir():
            used = count
            if (base / "__init__.py").is_file():
                files.append(File(base / "__init__.py", ".".join(names[:count])))
        elif count > 1 and base.with_name(f"{base.name}.py").is_file():
            files.append(File(base.with_name(f"{base.name}.py"), ".".join(names[: count - 1])))
            used = count
            break
        else:
            break
    return files, names[used:]
