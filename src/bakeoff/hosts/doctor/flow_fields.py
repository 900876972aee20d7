"""Top-level fields of a flow's YAML."""

from collections.abc import Iterator

from bakeoff.finding import Finding, error, warning
from bakeoff.hosts.doctor.bundle import Bundle, Flow

SHAPES: dict[str, type] = {
    "inputs": dict,
    "outputs": dict,
    "nodes": list,
    "node_variants": dict,
    "environment": dict,
    "environment_variables": dict,
    "additional_includes": list,
}


def check(bundle: Bundle) -> Iterator[Finding]:
    """Fields of the wrong shape, fields that Prompt Flow does not know, and flows without a name."""
    for flow in bundle.flows:
        if flow.document.value:
            yield from _fields(flow)


def _fields(flow: Flow) -> Iterator[Finding]:
    document = flow.document
    for name, shape in SHAPES.items():
        value = document.value.get(name)
        if value is not None and not isinstance(value, shape):
            wanted = "a list" if shape is list else "a mapping of names to values"
            yield error(document.path, document.line(name), f"{name!r} is not {wanted}: correct its indentation")
    if document.value.get("type") == "evaluation":
        yield error(
            document.path,
            document.line("type"),
            "`type: evaluation` is of the cloud's form of a flow: remove it; a node with `aggregation: true` is what "
            "makes an evaluation",
        )
    if "name" in document.value:
        yield error(
            document.path,
            document.line("name"),
            "`name` is no field of a flow (`pf flow validate` refuses it): call it `display_name`",
        )
    missing = [name for name in ("display_name", "description") if not document.value.get(name)]
    if missing:
        fields = " and ".join(missing)
        yield warning(document.path, 1, f"has no {fields}: add it, `pf run list` and the cloud show it")
