"""Checks a connection, whatever it leads to: a model, a search service, content safety."""

from dataclasses import dataclass
from typing import Any

from bakeoff.content_safety import CONNECTION as CONTENT_SAFETY
from bakeoff.content_safety import check_content_safety, content_safety_target
from bakeoff.errors import BakeoffError
from bakeoff.hosts.promptflow_connections import get_connection
from bakeoff.models.check import Step
from bakeoff.models.endpoint import Endpoint, endpoint_from_connection, endpoint_from_environment
from bakeoff.models.endpoint_check import check_chat, check_embedding
from bakeoff.retrieval.azure_search_check import check_search
from bakeoff.retrieval.azure_search_target import CONNECTIONS as SEARCH
from bakeoff.retrieval.azure_search_target import search_target

ENVIRONMENT = {"openai": "openai", "azure": "azure_openai"}


@dataclass(frozen=True)
class Wanted:
    """What a check calls: a chat and an embedding deployment, a search index; empty for those that are not wanted."""

    model: str = ""
    embedding: str = ""
    index: str = ""


def check_connection(name: str, wanted: Wanted, timeout: float) -> list[Step]:
    """The steps for a registered connection, or for `openai:MODEL` or `azure:MODEL` by environment variables.

    timeout: seconds without a byte. What cannot be checked because of the connection itself is its step `registered`.
    """
    provider, colon, model = name.partition(":")
    try:
        if colon and provider in ENVIRONMENT:
            endpoint = endpoint_from_environment(ENVIRONMENT[provider])  # type: ignore[arg-type]  # a Kind
            return _models(endpoint, Wanted(model=wanted.model or model, embedding=wanted.embedding), timeout)
        return [Step("registered", "ok"), *_dispatch(get_connection(name), wanted, timeout)]
    except BakeoffError as error:
        return [Step("registered", "failed", str(error))]


def _dispatch(connection: Any, wanted: Wanted, timeout: float) -> list[Step]:
    classes = {cls.__name__ for cls in type(connection).__mro__}
    if classes & set(SEARCH):
        return check_search(search_target(connection), wanted.index, timeout)
    if CONTENT_SAFETY in classes:
        return check_content_safety(content_safety_target(connection), timeout)
    return _models(endpoint_from_connection(connection), wanted, timeout)


def _models(endpoint: Endpoint, wanted: Wanted, timeout: float) -> list[Step]:
    chat = check_chat(endpoint, wanted.model, timeout) if wanted.model or not wanted.embedding else []
    return [*chat, *(check_embedding(endpoint, wanted.embedding, timeout) if wanted.embedding else [])]
