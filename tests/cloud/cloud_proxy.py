"""An HTTPS proxy that lets a few host names through, to servers on this machine, and nothing else anywhere."""

import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """url: for HTTPS_PROXY. asked: every host that was asked for; refused: those that were answered with 403."""

    url: str
    asked: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


@contextmanager
def proxy(ports: Mapping[str, int]) -> Iterator[Proxy]:
    """Serve until the end of the block. ports: host name -> the local port that stands for its port 443."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            host = self.path.rpartition(":")[0]
            running.asked.add(host)
            if host not in ports:
                running.refused.add(host)
                self.send_error(403)
                return
            with socket.create_connection(("127.0.0.1", ports[host])) as server:
                self.send_response(200)
                self.end_headers()
                with suppress(ConnectionError):
                    _relay(self.connection, server)

        def do_GET(self) -> None:
            host = urlsplit(self.path).hostname or ""
            running.asked.add(host)
            running.refused.add(host)
            self.send_error(403)

        do_POST = do_PUT = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Proxy(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


def _relay(client: socket.socket, server: socket.socket) -> None:
    other = {client: server, server: client}
    while True:
        for ready in select.select(list(other), [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            other[ready].sendall(data)
