"""Chat history that is declared but reaches no node: every turn is then answered as if it were the first."""

from collections.abc import Iterator

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle
from bakeoff.hosts.doctor.references import references
from bakeoff.yaml_lines import mapping


def check(bundle: Bundle) -> Iterator[Finding]:
    """Inputs with `is_chat_history` that no node uses."""
    for flow in bundle.flows:
        used = {reference.flow_input for reference in references(flow) if reference.node}
        for name, definition in flow.inputs.items():
            if mapping(definition).get("is_chat_history") and name not in used:
                yield error(
                    flow.document.path,
                    flow.document.line("inputs", name),
                    f"chat history {name!r} reaches no node, so earlier turns are ignored: give it to the node that "
                    f"answers, as ${{inputs.{name}}}, or remove the input",
                )
