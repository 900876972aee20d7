import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from promptflow.connections import AzureContentSafetyConnection

from bakeoff.errors import EndpointError
from bakeoff.hosts.content_safety import MOST_CHARACTERS, severities, severities_from

KEY = "not-a-real-key"


@contextmanager
def service(*statuses: int) -> Iterator[tuple[AzureContentSafetyConnection, list[dict[str, Any]]]]:
    """Azure AI Content Safety on loopback: severity 6 for violence in a text with `knife`; first these statuses."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
            asked.append({"path": self.path, "key": self.headers["Ocp-Apim-Subscription-Key"], "text": text})
            status = statuses[len(asked) - 1] if len(asked) <= len(statuses) else 200
            found = {"Hate": 0, "SelfHarm": 0, "Sexual": 0, "Violence": 6 if "knife" in text else 0}
            analysis = [{"category": name, "severity": severity} for name, severity in found.items()]
            body = json.dumps({"categoriesAnalysis": analysis, "blocklistsMatch": []}).encode()
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        yield AzureContentSafetyConnection(api_key=KEY, endpoint=address, api_version="2024-09-01"), asked
    finally:
        server.shutdown()
        server.server_close()


def test_the_worst_of_all_pieces_counts() -> None:
    with service() as (connection, asked):
        found = severities(connection, "a" * MOST_CHARACTERS + " knife")
    assert found == {"hate": 0, "self_harm": 0, "sexual": 0, "violence": 6}
    assert [len(request["text"]) for request in asked] == [MOST_CHARACTERS, 6]
    assert {request["path"] for request in asked} == {"/contentsafety/text:analyze?api-version=2024-09-01"}
    assert {request["key"] for request in asked} == {KEY}


def test_a_rate_limit_is_tried_again_and_a_refusal_is_not() -> None:
    with service(429, 503) as (connection, asked):
        assert severities(connection, "fine")["violence"] == 0
        assert len(asked) == 3
    with service(401) as (connection, asked):
        with pytest.raises(EndpointError, match="HTTP 401") as raised:
            severities(connection, "fine")
        assert len(asked) == 1
        assert KEY not in str(raised.value)
    with pytest.raises(EndpointError, match="no connection"):
        severities(connection, "fine")


def test_without_a_connection_nothing_is_asked() -> None:
    assert severities_from(None) is None
