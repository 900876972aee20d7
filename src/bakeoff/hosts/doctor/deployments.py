"""Deployments written into a flow: which model answers is to be chosen when the flow runs."""

from collections.abc import Iterator

from bakeoff.finding import Finding, warning
from bakeoff.hosts.doctor.bundle import Bundle

NAMES = ("deployment_name", "deployment", "model", "model_name")


def check(bundle: Bundle) -> Iterator[Finding]:
    """Literal deployments and models in nodes that take a connection."""
    for flow in bundle.flows:
        for node in flow.nodes:
            if not node.connections:
                continue
            for name in NAMES:
                value = node.inputs.get(name)
                if isinstance(value, str) and value and not value.startswith("${"):
                    yield warning(
                        flow.document.path,
                        flow.document.line(*node.keys, "inputs", name),
                        f"{name} {value!r} of node {node.name!r} is hard-coded: make it a flow input and write "
                        "${inputs.model}",
                    )
