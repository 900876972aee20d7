"""The flow service's OpenAPI file, which the promptflow-azure package carries, as a judge of requests."""

import json
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest


def problems(method: str, path: str, query: dict[str, list[str]], headers: dict[str, str], body: Any) -> list[str]:
    """What the file says is wrong with a request; empty where nothing is."""
    flat = {name: values[0] for name, values in query.items()}
    request = MockRequest(
        "https://flow.service",
        method.lower(),
        path,
        args=flat,
        headers=headers,
        data=json.dumps(body).encode() if body is not None else None,
        content_type=headers.get("content-type", "application/json").partition(";")[0],
    )
    try:
        _service().validate_request(request)
    except OpenAPIError as error:
        return [f"{method} {path}?{urlencode(flat)}: {error}: {error.__cause__}"]
    return []


@cache
def _service() -> OpenAPI:
    text = resources.files("promptflow.azure").joinpath("_restclient/swagger.json").read_text(encoding="utf-8")
    specification = json.loads(text)
    # The file has operations with undeclared parameters elsewhere, which would make it invalid as a whole.
    paths = {path: item for path, item in specification["paths"].items() if path.startswith("/flow/api/")}
    return OpenAPI.from_dict(specification | {"paths": paths, "servers": [{"url": "https://flow.service"}]})
