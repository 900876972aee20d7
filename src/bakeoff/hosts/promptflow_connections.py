"""Prompt Flow connections by name, for commands that run outside a flow."""

from typing import Any

from bakeoff.errors import InputError
from bakeoff.hosts.promptflow_settings import telemetry_off


def get_connection(name: str) -> Any:
    """The registered connection with its secrets. Raises InputError naming those that there are."""
    telemetry_off()
    from promptflow.client import PFClient
    from promptflow.exceptions import PromptflowException

    connections = PFClient().connections
    try:
        return connections.get(name, with_secrets=True)
    except PromptflowException:
        known = ", ".join(sorted(connection.name for connection in connections.list())) or "none"
        raise InputError(
            f"there is no Prompt Flow connection {name!r} on this machine (registered: {known}): create it by "
            "`pf connection create --file connections/...` (connections/README.md)"
        ) from None
