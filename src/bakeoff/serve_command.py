"""`bakeoff serve`: local models behind an OpenAI-compatible address."""

import argparse
import ipaddress
import os
from pathlib import Path
from typing import Any

from bakeoff import catalog
from bakeoff.catalog.tuned import adapter_file, split_name
from bakeoff.errors import BakeoffError, InputError
from bakeoff.terminal import say

TOKEN = "BAKEOFF_SERVE_TOKEN"
QUEUE = 64


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("serve", help="an OpenAI-compatible server for local models")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a name of `bakeoff models list`, or a folder")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1; another address needs a token")
    parser.add_argument("--port", type=int, default=8321, help="default: 8321; 0 takes a free one")
    parser.add_argument("--streams", type=int, metavar="N", help="answers at once; default: as many as are useful")
    parser.add_argument("--queue", type=int, default=QUEUE, metavar="N", help=f"most that wait; default: {QUEUE}")
    parser.add_argument("--memory", type=float, metavar="GB", help="for all models; default: 80 %% of what is free")
    parser.add_argument("--token-file", type=Path, help=f"clients must give this token; or set {TOKEN}")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted; 0 then. Raises InputError for options, and BakeoffError where there is no room."""
    from bakeoff.serving import memory
    from bakeoff.serving.app import create_app
    from bakeoff.serving.models import Models
    from bakeoff.serving.run import Server, listen
    from bakeoff.serving.run import run as serve

    token = _token(options.token_file)
    if token is None and not _is_loopback(options.host):
        raise InputError(f"--host {options.host} is open to other machines: set a token in {TOKEN} or by --token-file")
    if not 0 <= options.port <= 65535:
        raise InputError(f"--port is {options.port}: use 1 to 65535, or 0 for a free one")
    if options.memory is not None and not 0 < options.memory < float("inf"):
        raise InputError(f"--memory is {options.memory}: use a number of GB above 0")
    if options.queue < 1 or (options.streams is not None and options.streams < 1):
        raise InputError("--queue and --streams must be 1 or more")
    folders, adapters = {}, {}
    for name in options.models:
        base, adapter = split_name(name)
        path = catalog.ensure(base, say).resolve()
        folders[path.name] = path
        if adapter:
            adapters[adapter] = (path.name, adapter_file(adapter))
    budget = int(options.memory * 1e9) if options.memory else int(0.8 * memory.free())
    models = Models(folders, options.streams or 0, options.queue, budget, adapters)
    try:
        listening = listen(options.host, options.port)
    except OSError as error:
        raise BakeoffError(
            f"cannot listen on {options.host}:{options.port} ({error.strerror}): take another --port"
        ) from error
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"http://{host}:{listening.getsockname()[1]}/v1"
    limits = f"{budget / 1e9:.1f} GB, {'a' if token else 'no'} token asked for"
    said = f"{', '.join(models.names)} at {address} ({limits})"

    async def announce(server: Server) -> None:
        say(said)

    serve(create_app(models, token), listening, announce)
    return 0


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(f"--token-file {file} cannot be read: {error.strerror}") from error
    if not token:
        raise InputError(f"--token-file {file} is empty")
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
