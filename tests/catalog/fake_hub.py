"""A Hugging Face hub on the loopback: one repository, its commits, and the routes a download asks for."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REPO = "microsoft/Tiny-onnx"
FIRST, SECOND = "1" * 40, "2" * 40


@dataclass
class FakeHub:
    """commits: files of each commit by path. main: what the branch is at now. The rest makes it misbehave.

    lfs: endings of the files that are stored by sha256 rather than as a Git blob. refuse: status and X-Error-Code of
    every answer. corrupt: paths served with other bytes of the same length. drop_after: the connection of a file's
    transfer is cut after so many bytes, and every later request for it fails. requests: (method, path, Range) so far.
    """

    commits: dict[str, dict[str, bytes]]
    main: str = FIRST
    url: str = ""
    lfs: tuple[str, ...] = (".onnx", ".data")
    refuse: tuple[int, str] | None = None
    corrupt: set[str] = field(default_factory=set)
    drop_after: int | None = None
    dropped: set[str] = field(default_factory=set)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def fetched(self) -> list[str]:
        """Names of the files transferred so far, in order."""
        return [path.rsplit("/", 1)[-1] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path]


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

        def do_HEAD(self) -> None:
            self.answer("HEAD")

        def do_GET(self) -> None:
            self.answer("GET")

        def answer(self, method: str) -> None:
            path = urlsplit(self.path).path
            hub.requests.append((method, path, self.headers.get("Range")))
            if hub.refuse:
                return self.send(*hub.refuse)
            if match := re.fullmatch(rf"/api/models/{REPO}/revision/(\w+)", path):
                commit = hub.main if match[1] == "main" else match[1]
                if commit not in hub.commits:
                    return self.send(404, "RevisionNotFound")
                return self.send_json({"id": REPO, "sha": commit, "siblings": []})
            if match := re.fullmatch(rf"/api/models/{REPO}/tree/(\w+)/(.+)", path):
                return self.tree(match[1], match[2].replace("%2F", "/"))
            if match := re.fullmatch(rf"(?:/datasets)?/{REPO}/resolve/(\w+)/(.+)", path):
                return self.content(match[1], match[2], method)
            return self.send(404, "RepoNotFound")

        def tree(self, commit: str, folder: str) -> None:
            if commit not in hub.commits:
                return self.send(404, "RevisionNotFound")
            files = {p: data for p, data in hub.commits[commit].items() if p.startswith(folder + "/")}
            if not files:
                return self.send(404, "EntryNotFound")
            return self.send_json([describe(path, data) for path, data in files.items()])

        def content(self, commit: str, path: str, method: str) -> None:
            if path in hub.dropped:
                return self.send(500, "")
            if path not in hub.commits.get(commit, {}):
                return self.send(404, "EntryNotFound" if commit in hub.commits else "RevisionNotFound")
            data = hub.commits[commit][path]
            if path in hub.corrupt:
                data = bytes(255 - byte for byte in data)
            start = int(match[1]) if (match := re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")) else 0
            self.send_response(206 if start else 200)
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", '"etag"')
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if method == "HEAD":
                return
            if hub.drop_after is not None and len(data) > hub.drop_after:
                hub.dropped.add(path)
                self.wfile.write(data[start : hub.drop_after])
                self.close_connection = True
            else:
                self.wfile.write(data[start:])

        def send(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def send_json(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def describe(path: str, data: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        item: dict[str, object] = {"type": "file", "path": path, "size": len(data), "oid": blob}
        if path.endswith(hub.lfs):
            item["oid"] = "0" * 40
            item["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return item

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
