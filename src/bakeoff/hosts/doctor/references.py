"""References in flow YAML: `${inputs.question}`, `${node.output}`, and that no node waits for itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle, Flow
from bakeoff.yaml_lines import Keys, mapping, sequence

REFERENCE = re.compile(r"\$\{(.+)\}")
INPUT_PREFIXES = ("inputs.", "flow.")


@dataclass(frozen=True)
class Reference:
    """`${text}` at some place of a flow; `node` is where it stands, empty for an output of the flow."""

    text: str
    keys: Keys
    node: str

    @property
    def flow_input(self) -> str | None:
        return self.text.partition(".")[2] if self.text.startswith(INPUT_PREFIXES) else None

    @property
    def target(self) -> tuple[str, str]:
        """The node it names and the port, which can only be `output`."""
        name, _, port = self.text.partition(".")
        return name, port.partition(".")[0].partition("[")[0] or "output"


def references(flow: Flow) -> Iterator[Reference]:
    """Every reference of nodes and outputs; Prompt Flow knows one only where it is the whole value."""
    for node in flow.nodes:
        values: list[tuple[Keys, object]] = [(("inputs", name), value) for name, value in node.inputs.items()]
        values += [((key, "when"), mapping(node.value.get(key)).get("when")) for key in ("activate", "skip")]
        for keys, value in values:
            if isinstance(value, str) and (match := REFERENCE.fullmatch(value)):
                yield Reference(match[1], node.keys + keys, node.name)
    for name, output in flow.outputs.items():
        value = mapping(output).get("reference")
        if isinstance(value, str) and (match := REFERENCE.fullmatch(value)):
            yield Reference(match[1], ("outputs", name, "reference"), "")


def check(bundle: Bundle) -> Iterator[Finding]:
    """References to inputs or nodes that do not exist, nodes of one name, cycles."""
    for flow in bundle.flows:
        yield from _dangling(flow)
        yield from _same_names(flow)
        yield from _cycle(flow)


def _dangling(flow: Flow) -> Iterator[Finding]:
    names = {node.name for node in flow.nodes}
    for reference in references(flow):
        name, port = reference.target
        if reference.flow_input is not None:
            if reference.flow_input in flow.inputs:
                continue
            problem = f"there is no flow input {reference.flow_input!r}: the inputs are {_listed(flow.inputs)}"
        elif name not in names:
            problem = f"there is no node {name!r}: the nodes are {_listed(names)}"
        elif port != "output":
            problem = f"a node has no {port!r}: write ${{{name}.output}}"
        else:
            continue
        path, line = flow.document.path, flow.document.line(*reference.keys)
        yield error(path, line, f"${{{reference.text}}} points nowhere: {problem}")


def _same_names(flow: Flow) -> Iterator[Finding]:
    seen = set()
    for number, node in enumerate(sequence(flow.document.value.get("nodes"))):
        name = str(mapping(node).get("name"))
        if name in seen:
            line = flow.document.line("nodes", number, "name")
            yield error(flow.document.path, line, f"a second node {name!r}: give every node a name of its own")
        seen.add(name)


def _cycle(flow: Flow) -> Iterator[Finding]:
    first = {node.name: node for node in reversed(flow.nodes)}
    needs: dict[str, set[str]] = {name: set() for name in first}
    for reference in references(flow):
        if reference.node and reference.flow_input is None and reference.target[0] in first:
            needs[reference.node].add(reference.target[0])
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as cycle:
        names = cycle.args[1]
        start = min((first[name] for name in names), key=lambda node: flow.document.line(*node.keys))
        line = flow.document.line(*start.keys)
        circle = " -> ".join(names)
        yield error(flow.document.path, line, f"nodes wait for each other: {circle}: take one of these references out")


def _listed(names: object) -> str:
    return ", ".join(sorted(map(str, names))) or "none"  # type: ignore[call-overload]
