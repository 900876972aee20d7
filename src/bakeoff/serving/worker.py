"""The processes of one model: they load it and answer several requests at once.

    python -m bakeoff.serving.worker FOLDER NAME PORT STREAMS      (a token on standard input)

Where the model can write several answers together (bakeoff.models.onnx_together) one process does, with all cores: at
each step it reads the weights once for all of them. Else there is a process for each answer: onnxruntime-genai 0.18
keeps Python's lock while it computes, so threads would answer one after another. Forked processes share the loaded
weights, the packed copies that onnxruntime makes of them too, and add about 20 MB each (perf/serve_design.py).

STREAMS answers at once; 0: as many as are useful. There is a connection to PORT on the loopback interface for each. It
shows the token, and then takes JSON lines: a request, answered by one or more lines, the last with `end`. Any line that
arrives in between cancels. The processes end with their connections, so none is left when the server is killed.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError
from bakeoff.serving import memory
from bakeoff.serving.answering import Answering, facts
from bakeoff.serving.loading import load
from bakeoff.serving.wire import Lines, error_to_json, readable, send


def main() -> None:
    folder, name, port, streams = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    token = sys.stdin.readline().strip()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group: the server says when to stop
    try:
        loaded = load(folder, name, streams or memory.STREAMS, streams or memory.cores())
    except BakeoffError as error:
        with _connect(port, {"token": token, "error": error_to_json(error)}):
            return
    for _ in range(loaded.processes - 1):
        if os.fork() == 0:
            break
    with ExitStack() as stack:
        hello = {"token": token, "streams": loaded.streams, **facts(loaded.model)}
        own = loaded.streams // loaded.processes
        connections = [stack.enter_context(_connect(port, hello)) for _ in range(own)]
        answering = loaded.answering()
        del loaded  # what `answering` forgets is free then
        _serve(answering, connections)
    os._exit(0)  # a forked process cannot shut the runtime down: it would wait for threads that it does not have


def _connect(port: int, hello: dict[str, Any]) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    send(connection, hello)
    return connection


def _serve(answering: Answering, connections: Sequence[socket.socket]) -> None:
    """Answer until the server is gone."""
    lines = {connection: Lines(connection) for connection in connections}
    under_way: set[socket.socket] = set()
    try:
        while True:
            for connection in readable(connections, 0.0 if answering.busy else None):
                for line in lines[connection].read():
                    request = json.loads(line)
                    if connection in under_way:
                        answering.cancel(connection)
                        under_way.remove(connection)
                        send(connection, {"end": True})
                    elif "cancel" not in request:  # else it came after the end of its request
                        answering.begin(connection, request)
                        under_way.add(connection)
                if lines[connection].ended:
                    return
            for connection, reply in answering.advance():
                if reply:
                    send(connection, reply)
                if "end" in reply:
                    under_way.remove(connection)
    except OSError:
        return


if __name__ == "__main__":
    main()
