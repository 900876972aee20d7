"""A search service on 127.0.0.1 that keeps its indexes in memory and refuses what the real one would refuse.

Written after the REST reference (learn.microsoft.com/rest/api/searchservice, 2025-09-01): Indexes Create, List and Get,
Documents Index, Search Post and Get. Scores: fused ones by reciprocal rank with 60, vectors 1 / (2 - cosine).
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

ADMIN_KEY, QUERY_KEY = "4dm1n0not0a0real0key09e1c", "qu3ry0not0a0real0key77ab2"
API_VERSION = "2025-09-01"
RANK_CONSTANT = 60
MOST_ACTIONS, MOST_BYTES, PAGE = 1_000, 16 * 1024 * 1024, 1_000
FIELD_PROPERTIES = {
    *("name", "type", "key", "retrievable", "stored", "searchable", "filterable", "sortable", "facetable", "analyzer"),
    *("dimensions", "vectorSearchProfile", "synonymMaps"),
}
QUERY_PROPERTIES = {"search", "searchFields", "filter", "orderby", "select", "top", "skip", "vectorQueries", "debug"}
COMPARISON = re.compile(r"(\w+) (eq|ne|gt) (null|'(?:[^']|'')*')")
MEMBERSHIP = re.compile(r"search\.in\((\w+), '([^']*)'\)")

Row = dict[str, Any]


class Refusal(Exception):
    """An answer of status 300 or more."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


@dataclass
class Index:
    definition: dict[str, Any]
    rows: dict[str, Row] = field(default_factory=dict)

    def fields(self, **wanted: Any) -> set[str]:
        """Names of the fields that have these properties."""
        return {
            each["name"]
            for each in self.definition["fields"]
            if all(each.get(name, name == "retrievable") == value for name, value in wanted.items())
        }


@dataclass
class FakeSearchService:
    """script: a Refusal or None for each of the next requests. refused: status and message by key of a row.

    requests: method, path and body of each. page: most rows in one answer; the rest by continuation.
    """

    url: str = ""
    indexes: dict[str, Index] = field(default_factory=dict)
    script: list[Refusal | None] = field(default_factory=list)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    page: int = PAGE

    def answer(self, method: str, url: str, headers: dict[str, str], data: bytes) -> tuple[int, Any]:
        parts = urlsplit(url)
        body = json.loads(data) if data else None
        self.requests.append((method, parts.path, body))
        if self.script and (refusal := self.script.pop(0)):
            raise refusal
        if parse_qs(parts.query).get("api-version") != [API_VERSION]:
            raise Refusal(400, f"api-version: {parts.query}")
        if data and headers["content-type"].split(";")[0] != "application/json":
            raise Refusal(415, "the body is not JSON")
        is_admin = headers.get("api-key") == ADMIN_KEY
        if not is_admin and headers.get("api-key") != QUERY_KEY:
            raise Refusal(403, "")
        route = (method, re.sub(r"'[^']*'", "", parts.path))
        names = re.findall(r"'([^']*)'", parts.path)
        if not is_admin and route not in (("POST", "/indexes()/docs/search.post.search"), ("GET", "/indexes()/docs()")):
            raise Refusal(403, "")
        if route == ("POST", "/indexes"):
            return self._create(body)
        if route == ("GET", "/indexes"):
            return 200, {"value": [{"name": name} for name in self.indexes]}
        if not names or names[0] not in self.indexes:
            raise Refusal(404, f"The index '{names[0] if names else ''}' was not found.")
        index = self.indexes[names[0]]
        if route == ("GET", "/indexes()"):
            return 200, index.definition
        if route == ("POST", "/indexes()/docs/search.index"):
            return self._write(index, body, len(data))
        if route == ("POST", "/indexes()/docs/search.post.search"):
            return 200, self._search(index, body)
        if route == ("GET", "/indexes()/docs()"):
            if names[1] not in index.rows:
                raise Refusal(404, "")
            selected = parse_qs(parts.query)["$select"][0].split(",")
            return 200, {name: index.rows[names[1]].get(name) for name in selected}
        raise Refusal(405, f"{route}")

    def _create(self, body: Any) -> tuple[int, Any]:
        unknown = body.keys() - {"name", "description", "fields", "vectorSearch"}
        fields = body["fields"]
        if unknown or any(each.keys() - FIELD_PROPERTIES for each in fields):
            raise Refusal(400, f"unknown properties {unknown}")
        if len(body.get("description", "")) > 4000:
            raise Refusal(400, "the description is too long")
        if [each["type"] for each in fields if each.get("key")] != ["Edm.String"]:
            raise Refusal(400, "there must be one key field of type Edm.String")
        algorithms = {each["name"]: each for each in body["vectorSearch"]["algorithms"]}
        profiles = {each["name"]: algorithms[each["algorithm"]] for each in body["vectorSearch"]["profiles"]}
        for each in fields:
            if each["type"] == "Collection(Edm.Single)":
                if profiles[each["vectorSearchProfile"]]["hnswParameters"]["metric"] != "cosine":
                    raise Refusal(400, "this service compares by cosine only")
                if not (2 <= each["dimensions"] <= 4096 and each["searchable"]):
                    raise Refusal(400, "a vector field needs 2 to 4096 dimensions and must be searchable")
                if each.get("stored") is False and each.get("retrievable") is not False:
                    raise Refusal(400, "a field that is not stored cannot be retrieved")
        if body["name"] in self.indexes:
            raise Refusal(409, "the index is there already")
        self.indexes[body["name"]] = Index(body)
        return 201, body

    def _write(self, index: Index, body: Any, size: int) -> tuple[int, Any]:
        if size > MOST_BYTES:
            raise Refusal(413, "Request Entity Too Large")
        if not 1 <= len(body["value"]) <= MOST_ACTIONS:
            raise Refusal(400, f"{len(body['value'])} actions in a batch")
        results = [self._write_row(index, dict(action)) for action in body["value"]]
        return 200 if all(result["status"] for result in results) else 207, {"value": results}

    def _write_row(self, index: Index, row: Row) -> Any:
        action, key = row.pop("@search.action"), row["id"]
        status, message = self.refused.get(key, (200, None))
        if not re.fullmatch(r"[A-Za-z0-9=-][A-Za-z0-9_=-]*", key) or row.keys() - index.fields():
            status, message = 400, "invalid key or unknown field"
        for each in index.definition["fields"]:
            value = row.get(each["name"])
            if value is not None and not _fits(value, each):
                status, message = 400, f"{each['name']} is no {each['type']}"
        if status == 200 and action == "upload":
            index.rows[key] = row
        elif status == 200 and action == "delete":
            index.rows.pop(key, None)
        elif status == 200:
            status, message = 400, f"this service does not know the action {action}"
        return {"key": key, "status": status < 300, "errorMessage": message, "statusCode": status}

    def _search(self, index: Index, body: Any) -> Any:
        if body.keys() - QUERY_PROPERTIES:
            raise Refusal(400, f"unknown properties {body.keys() - QUERY_PROPERTIES}")
        top, skip = body.get("top", 50), body.get("skip", 0)
        if not (1 <= top <= PAGE and skip <= 100_000):
            raise Refusal(400, f"top {top}, skip {skip}")
        selected = body["select"].split(",")
        if not set(selected) <= index.fields(retrievable=True):
            raise Refusal(400, f"not retrievable: {selected}")
        rows = {key: row for key, row in index.rows.items() if _matches(row, body.get("filter", ""), index)}
        sides: list[tuple[float, dict[str, float]]] = []
        cosines: list[dict[str, float]] = [_nearest(rows, query, index) for query in body.get("vectorQueries", [])]
        for query, near in zip(body.get("vectorQueries", []), cosines, strict=True):
            sides.append((query.get("weight", 1), {key: 1 / (2 - near[key]) for key in near}))
        if body.get("search"):
            sides.append((1, _keywords(rows, body, index)))
        scores = _fused(sides) if sides else dict.fromkeys(rows, 1.0)
        if "orderby" in body:
            name, direction = body["orderby"].split(" ")
            if name not in index.fields(sortable=True) or direction != "asc":
                raise Refusal(400, f"cannot order by {body['orderby']}")
            order = sorted(scores, key=lambda key: rows[key][name])
        else:
            order = sorted(scores, key=lambda key: -scores[key])
        keys = order[skip : skip + min(top, self.page)]
        value: list[Row] = [{"@search.score": scores[key], **{n: rows[key].get(n) for n in selected}} for key in keys]
        if body.get("debug") == "vector":
            for key, row in zip(keys, value, strict=True):
                told = [
                    {"vector": {"searchScore": 0, "vectorSimilarity": near[key]}} for near in cosines if key in near
                ]
                row["@search.documentDebugInfo"] = {"vectors": {"subscores": {"vectors": told}}}
        answer: dict[str, Any] = {"value": value}
        if len(order) > skip + len(keys) and len(keys) < top:
            answer["@search.nextPageParameters"] = body | {"skip": skip + len(keys), "top": top - len(keys)}
            answer["@odata.nextLink"] = f"{self.url}/next"
        return answer


def _fits(value: Any, each: dict[str, Any]) -> bool:
    if each["type"] == "Collection(Edm.Single)":
        return len(value) == each["dimensions"] and all(isinstance(number, float) for number in value)
    if each["type"] == "Collection(Edm.String)":
        return all(isinstance(text, str) for text in value)
    return isinstance(value, {"Edm.String": str, "Edm.Int32": int}[each["type"]])


def _matches(row: Row, condition: str, index: Index) -> bool:
    """Comparisons and search.in, joined by `and`."""
    rest = condition
    while rest:
        comparison, membership = COMPARISON.match(rest), MEMBERSHIP.match(rest)
        match = comparison or membership
        if match is None or match[1] not in index.fields(filterable=True):
            raise Refusal(400, f"Invalid expression: {condition}")
        value = row.get(match[1])
        if membership and value not in re.split("[ ,]+", membership[2]):
            return False
        if comparison:
            wanted = None if comparison[3] == "null" else comparison[3][1:-1].replace("''", "'")
            if comparison[2] == "gt":
                passed = value is not None and wanted is not None and value > wanted
            else:
                passed = (value == wanted) == (comparison[2] == "eq")
            if not passed:
                return False
        rest = rest[match.end() :]
        if rest and not rest.startswith(" and "):
            raise Refusal(400, f"Invalid expression: {condition}")
        rest = rest.removeprefix(" and ")
    return True


def _nearest(rows: dict[str, Row], query: Any, index: Index) -> dict[str, float]:
    """Cosine by key of the k nearest rows that have a vector."""
    dimensions = {each["name"]: each.get("dimensions") for each in index.definition["fields"]}
    if query["kind"] != "vector" or dimensions[query["fields"]] != len(query["vector"]):
        raise Refusal(400, "the vector query does not fit the field")
    wanted = np.array(query["vector"]) / np.linalg.norm(query["vector"])
    cosines = {
        key: float(np.dot(row["vector"], wanted) / np.linalg.norm(row["vector"]))
        for key, row in rows.items()
        if row.get("vector")
    }
    return dict(sorted(cosines.items(), key=lambda item: -item[1])[: query["k"]])


def _keywords(rows: dict[str, Row], body: Any, index: Index) -> dict[str, float]:
    """How many of the words each row has; any word may match."""
    fields = body["searchFields"].split(",")
    if not set(fields) <= index.fields(searchable=True):
        raise Refusal(400, f"not searchable: {fields}")
    if re.search(r'[-+|"()*~\\]', body["search"]):
        raise Refusal(400, "this service knows no operators")
    words = set(body["search"].lower().split())
    counts = {
        key: float(sum(word in f"{' '.join(row.get(name) or '' for name in fields)}".lower().split() for word in words))
        for key, row in rows.items()
    }
    return {key: count for key, count in counts.items() if count}


def _fused(sides: list[tuple[float, dict[str, float]]]) -> dict[str, float]:
    """The scores of one side as they are, of several by reciprocal rank."""
    if len(sides) == 1:
        return sides[0][1]
    scores: dict[str, float] = {}
    for weight, side in sides:
        for rank, key in enumerate(sorted(side, key=lambda key: -side[key]), start=1):
            scores[key] = scores.get(key, 0) + weight / (RANK_CONSTANT + rank)
    return scores


@contextmanager
def running() -> Iterator[FakeSearchService]:
    """The service on a free port, until the end of the block."""
    service = FakeSearchService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers: dict[str, str] = {}
            try:
                lowered = {name.lower(): value for name, value in self.headers.items()}
                status, answer = service.answer(self.command, self.path, lowered, data)
            except Refusal as refusal:
                status, headers = refusal.status, refusal.headers
                answer = {"error": {"code": "", "message": refusal.message}} if refusal.message else None
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(text)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
