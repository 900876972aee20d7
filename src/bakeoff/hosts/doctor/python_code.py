"""What a Python file imports and uses, read from its source: nothing is run."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception"}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
BODY = ""


@dataclass(frozen=True)
class Import:
    """An absolute import of `module`, or of `name` from it, and the name it binds (none for `import_module`)."""

    module: str
    name: str | None
    binds: str | None
    line: int

    @property
    def target(self) -> str:
        """What the bound name stands for."""
        if self.name:
            return f"{self.module}.{self.name}"
        return self.module.partition(".")[0] if self.binds == self.module.partition(".")[0] else self.module


@dataclass(frozen=True)
class Part:
    """A stretch of code: what it imports, and the dotted names it uses (`catalog.pull`)."""

    imports: tuple[Import, ...]
    uses: frozenset[str]

    def target(self, name: str) -> str | None:
        """What an imported name stands for, as a dotted path."""
        return next((found.target for found in self.imports if found.binds == name), None)


def parts_of(path: Path, package: str = "") -> dict[str, Part]:
    """The file's functions and classes by name; under BODY the code that runs when it is imported.

    package: the dotted package of the file, which relative imports start from. Imports for type checkers only and
    imports that a `try` with `except ImportError` makes optional are left out. Only BODY, empty, where the file is no
    Python.
    """
    status = path.stat()
    return _parts(path, package, status.st_mtime_ns, status.st_size)


def imports_of(path: Path) -> list[Import]:
    """Every import of the file, inside functions too."""
    return [found for part in parts_of(path).values() for found in part.imports]


@lru_cache(maxsize=4096)
def _parts(path: Path, package: str, modified: int, size: int) -> dict[str, Part]:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return {BODY: Part((), frozenset())}
    body: list[ast.AST] = []
    parts = {}
    for node in tree.body:
        if isinstance(node, Definition):
            parts[node.name] = _part(node.body, package)
            body += node.decorator_list
            body += [*node.bases, *node.keywords] if isinstance(node, ast.ClassDef) else _defaults(node.args)
        else:
            body.append(node)
    return parts | {BODY: _part(body, package)}


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [default for default in [*arguments.defaults, *arguments.kw_defaults] if default]


def _part(body: Sequence[ast.AST], package: str) -> Part:
    return Part(tuple(_imports(body, package)), frozenset(_uses(body)))


def _imports(body: Sequence[ast.AST], package: str) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, alias.asname or alias.name.partition(".")[0], node.lineno)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            for alias in node.names:
                yield Import(module, alias.name, alias.asname or alias.name, node.lineno)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports(node.orelse, package)
        elif isinstance(node, ast.Try) and any(map(_catches_import_errors, node.handlers)):
            yield from _imports([*node.handlers, *node.orelse, *node.finalbody], package)
        else:
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("."):
                    yield Import(name.value, None, None, node.lineno)
            yield from _imports(list(ast.iter_child_nodes(node)), package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _catches_import_errors(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(
        isinstance(part, ast.Name) and part.id in IMPORT_ERRORS for part in ast.walk(handler.type)
    )


def _uses(body: Sequence[ast.AST]) -> Iterator[str]:
    """Dotted names outside annotations: to name a type runs none of it."""
    for node in body:
        if dotted := _dotted(node):
            yield dotted
        else:
            annotation = getattr(node, "annotation", None), getattr(node, "returns", None)
            yield from _uses([child for child in ast.iter_child_nodes(node) if child not in annotation])


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return None
