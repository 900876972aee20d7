"""Prompt Flow connections by name, for commands that run outside a flow."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bakeoff.errors import BakeoffError, InputError
from bakeoff.hosts.promptflow_settings import telemetry_off

ADDRESSES = ("api_base", "base_url", "endpoint")


@dataclass(frozen=True)
class Registered:
    """A connection as it may be shown: its name, class, host, and `key`, `Entra ID` or `no key`."""

    name: str
    kind: str
    host: str
    sign_in: str


def get_connection(name: str) -> Any:
    """The registered connection with its secrets.

    Raises InputError naming those that there are, and BakeoffError where its key cannot be read on this machine.
    """
    telemetry_off()
    from promptflow._sdk._errors import ConnectionNotFoundError
    from promptflow.client import PFClient

    try:
        return PFClient().connections.get(name, with_secrets=True)
    except ConnectionNotFoundError:
        known = ", ".join(connection.name for connection in list_connections()) or "none"
    except Exception as error:  # a key that cannot be decrypted is a plain Exception in Prompt Flow 1.18.5
        reason = str(error).strip().splitlines()[0]
        raise BakeoffError(
            f"the key of connection {name!r} cannot be read on this machine ({reason}): create it again by `pf "
            "connection create --file connections/...`, on Linux with "
            "PYTHON_KEYRING_BACKEND=keyrings.alt.file.PlaintextKeyring (connections/README.md)"
        ) from None
    raise InputError(
        f"there is no Prompt Flow connection {name!r} on this machine (registered: {known}): create it by "
        "`pf connection create --file connections/...` (connections/README.md)"
    )


def list_connections() -> list[Registered]:
    """What is registered on this machine, by name."""
    telemetry_off()
    from promptflow.client import PFClient

    found = (_shown(connection) for connection in PFClient().connections.list(all_results=True))
    return sorted(found, key=lambda connection: connection.name)


def _shown(connection: Any) -> Registered:
    configs = dict(connection.configs)
    address = next((configs[name] for name in ADDRESSES if configs.get(name)), "")
    entra = configs.get("auth_mode") == "meid_token"
    sign_in = "Entra ID" if entra else "key" if connection.secrets else "no key"
    return Registered(connection.name, type(connection).__name__, urlsplit(address).netloc, sign_in)
