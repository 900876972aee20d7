"""`bakeoff connections`: the endpoints that flows can use, and whether they work."""

import argparse
from typing import Any

from bakeoff.errors import InputError
from bakeoff.terminal import say

TIMEOUT = 60.0


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("connections", help="the endpoints that flows can use: list, check")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(metavar="ACTION")
    actions.add_parser("list", help="what is registered with Prompt Flow on this machine").set_defaults(run=_list)
    check = actions.add_parser("check", help="call an endpoint once and say what is wrong with it")
    check.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="registered connection, or openai:MODEL or azure:DEPLOYMENT by environment variables; default: each",
    )
    check.add_argument("--model", default="", metavar="DEPLOYMENT", help="chat deployment or model to call")
    check.add_argument("--embedding", default="", metavar="DEPLOYMENT", help="embedding deployment or model to call")
    check.add_argument("--index", default="", metavar="NAME", help="index of a search service to ask")
    check.add_argument("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="default: %(default)g")
    check.set_defaults(run=_check)


def _list(options: argparse.Namespace) -> int:
    from bakeoff.hosts.promptflow_connections import list_connections

    found = list_connections()
    for connection in found:
        say(f"{connection.name}: {connection.kind}, {connection.host or 'default address'}, {connection.sign_in}")
    if not found:
        say("no connection is registered: `pf connection create --file connections/...` (connections/README.md)")
    return 0


def _check(options: argparse.Namespace) -> int:
    """0 where no step failed, 1 where one did. Raises InputError where there is nothing to check."""
    from bakeoff.hosts.connection_check import Wanted, check_connection
    from bakeoff.hosts.promptflow_connections import list_connections

    wanted = Wanted(options.model, options.embedding, options.index)
    if not options.timeout > 0:
        raise InputError(f"--timeout is {options.timeout:g}: it must be more than 0 seconds")
    if options.name is None and wanted != Wanted():
        raise InputError("--model, --embedding and --index belong to one connection: name it")
    names = [options.name] if options.name else [connection.name for connection in list_connections()]
    if not names:
        raise InputError(
            "no connection is registered: `pf connection create --file connections/...` (connections/README.md)"
        )
    failed = []
    for name in names:
        say(name)
        steps = check_connection(name, wanted, options.timeout)
        for step in steps:
            say(f"  {step.name:<12} {step.state:<12} {step.said}".rstrip())
        if any(step.state == "failed" for step in steps):
            failed.append(name)
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0
