"""Flows that get in each other's way inside one Prompt Flow process."""

from collections.abc import Iterator
from pathlib import Path

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle, Flow
from bakeoff.hosts.doctor.python_code import imports_of


def check(bundle: Bundle) -> Iterator[Finding]:
    """Byte-identical flow files (the first is run for both), and helper modules of one name (the first is imported)."""
    yield from _identical(bundle)
    yield from _same_helpers(bundle)


def _identical(bundle: Bundle) -> Iterator[Finding]:
    seen: dict[bytes, Flow] = {}
    for flow in bundle.flows:
        first = seen.setdefault(flow.document.path.read_bytes(), flow)
        if first is not flow:
            yield error(
                flow.document.path,
                1,
                f"is byte for byte {bundle.shown(first.document.path)}; Prompt Flow would run that one for both: give "
                "each its own display_name and description",
            )


def _same_helpers(bundle: Bundle) -> Iterator[Finding]:
    seen: dict[str, Path] = {}
    for flow in bundle.flows:
        helpers: dict[str, tuple[Path, int]] = {}
        for path in sorted(flow.folder.glob("*.py")):
            for found in imports_of(path):
                top = found.module.partition(".")[0]
                if (flow.folder / f"{top}.py").is_file() or (flow.folder / top / "__init__.py").is_file():
                    helpers.setdefault(top, (path, found.line))
        for name, (path, line) in helpers.items():
            first = seen.setdefault(name, flow.folder)
            if first != flow.folder:
                yield error(
                    path,
                    line,
                    f"{bundle.shown(first)} has a helper module {name!r} too, and one process imports only the first: "
                    "rename one, or move it into the shared package",
                )
