"""The files that a flow is made of: tool files, prompts, additional includes."""

from collections.abc import Iterator
from pathlib import Path

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle, Flow, Node


def check(bundle: Bundle) -> Iterator[Finding]:
    """Files of nodes that are missing or lie in an include, and includes that do not exist."""
    for flow in bundle.flows:
        for path, line in flow.includes:
            if not path.exists():
                yield error(flow.document.path, line, f"additional include {path} does not exist: correct the path")
        for node in flow.nodes:
            yield from _source(flow, node)


def _source(flow: Flow, node: Node) -> Iterator[Finding]:
    path = node.source_path
    line = flow.document.line(*node.keys, "source", "path")
    if path is None or (flow.folder / path).is_file():
        return
    what = "tool file" if path.endswith(".py") else "prompt file"
    if provided := next((p for include, _ in flow.includes for p in _copies(include, path)), None):
        yield error(
            flow.document.path,
            line,
            f"{what} {path!r} of node {node.name!r} comes from additional_includes ({provided}), where `pf flow serve` "
            "does not find it: put a file into the flow's folder and let it import the shared code",
        )
    else:
        yield error(
            flow.document.path,
            line,
            f"{what} {path!r} of node {node.name!r} does not exist in {flow.folder}: create it or correct the path",
        )


def _copies(include: Path, path: str) -> Iterator[Path]:
    """The included file that would lie at that path of the flow's folder."""
    first, *rest = Path(path).parts or ("",)
    if include.name == first and (found := include.joinpath(*rest)).is_file():
        yield found
