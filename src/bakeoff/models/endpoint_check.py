"""Checks a model endpoint with one tiny call, and without a model's name with its list of models."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bakeoff.errors import EndpointError
from bakeoff.models.base import Completion, Message, Parameters
from bakeoff.models.check import Step, passed, stopped
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.openai_chat import OpenAIChatModel
from bakeoff.models.openai_client import connect
from bakeoff.models.openai_errors import endpoint_error

TINY = (Message("user", "Say OK."),)
ENOUGH = Parameters(max_new_tokens=64)
SHOWN_MODELS = 8
NOT_LISTED = (404, 405, 501)
"""Statuses of a server that answers but has no list of models."""


def check_chat(endpoint: Endpoint, model: str = "", timeout: float = 60.0) -> list[Step]:
    """Whether the endpoint is reachable, lets this key in, has the chat model and answers, without retries.

    model: where empty the endpoint's own, or the only one that it lists. timeout: seconds without a byte.
    """
    asked = replace(endpoint, max_retries=0, timeout=min(endpoint.timeout, timeout))
    name = model or endpoint.model or _only_model(asked)
    if not isinstance(name, str):
        return name
    try:
        completion = OpenAIChatModel(asked, name).complete(TINY, ENOUGH)
    except EndpointError as error:
        return _explained(stopped(error, "deployment"), asked)
    reported = completion.model.revision.partition(" ")[0]  # without the fingerprint behind it
    return passed("deployment", _named(name, reported) + _retirement(asked, reported), _timing(completion))


def check_embedding(endpoint: Endpoint, model: str, timeout: float = 60.0) -> list[Step]:
    """The same of an embedding model, which embeds one word."""
    from bakeoff.models.openai_embedding import OpenAIEmbeddingModel

    asked = replace(endpoint, max_retries=0, timeout=min(endpoint.timeout, timeout))
    started = time.perf_counter()
    try:
        dimension = OpenAIEmbeddingModel(asked, model).dimension
    except EndpointError as error:
        return _explained(stopped(error, "embedding"), asked)
    seconds = time.perf_counter() - started
    return passed("embedding", repr(model), f"{seconds:.2f} s for a vector of {dimension} numbers")


def list_models(endpoint: Endpoint) -> dict[str, float | None]:
    """The models that the endpoint lists by name, each with when it is retired (seconds since 1970; None: untold).

    Of Azure OpenAI those that could be deployed, of a serverless endpoint the one it is for. Raises EndpointError where
    it tells none. See https://learn.microsoft.com/rest/api/azureopenai/models/list.
    """
    from openai import OpenAIError

    client = connect(endpoint)
    try:
        if endpoint.kind == "serverless" and not endpoint.is_azure_v1:
            url = endpoint.base_url.removesuffix("/v1") + "/info"
            return {str(client.get(url, cast_to=object)["model_name"]): None}  # type: ignore[index]  # a JSON object
        answer: Any = client.get("/models", cast_to=object)
        return {str(entry["id"]): _retired_at(entry) for entry in answer["data"]}
    except (OpenAIError, ValueError) as error:
        failure: Exception = error
    except (KeyError, TypeError, AttributeError) as error:
        failure = ValueError(f"no list of models: {error}")
    raise endpoint_error(failure, endpoint, "")


def _only_model(endpoint: Endpoint) -> str | list[Step]:
    """The model to call where nobody named one; otherwise the steps that could be taken."""
    untold = [Step("deployment", "not checked", "name it: --model, or --embedding"), Step("answer", "not checked")]
    try:
        listed = list_models(endpoint)
    except EndpointError as error:
        if error.status in NOT_LISTED:
            return [Step("reachable", "ok"), Step("authorised", "not checked"), *untold]
        return stopped(error, "deployment")
    if endpoint.kind != "azure_openai":
        if len(listed) == 1:
            return next(iter(listed))
        untold[0] = Step("deployment", "not checked", f"name one: --model, or --embedding ({_shown(listed)})")
    return [Step("reachable", "ok"), Step("authorised", "ok"), *untold]


def _explained(steps: list[Step], endpoint: Endpoint) -> list[Step]:
    """Where the deployment is missing: whether the key is good, and which models there are, if the endpoint tells."""
    _, _, missing, _ = steps
    if missing.state != "failed":
        return steps
    try:
        listed = list_models(endpoint)
    except EndpointError as error:
        return stopped(error, missing.name) if error.status in (401, 403) else steps
    said = missing.said if endpoint.kind == "azure_openai" else f"{missing.said} ({_shown(listed)})"
    return [steps[0], Step("authorised", "ok"), replace(missing, said=said), steps[3]]


def _shown(listed: Iterable[str]) -> str:
    models = list(listed)
    if not models:
        return "it lists none"
    more = f" and {len(models) - SHOWN_MODELS} more" if len(models) > SHOWN_MODELS else ""
    return f"it lists {', '.join(models[:SHOWN_MODELS])}{more}"


def _named(model: str, reported: str) -> str:
    return f"{model!r}, which reports itself as {reported}" if reported and reported != model else repr(model)


def _retired_at(entry: Mapping[str, Any]) -> float | None:
    deprecation = entry.get("deprecation")
    at = deprecation.get("inference") if isinstance(deprecation, dict) else None
    return at if isinstance(at, int | float) else None


def _retirement(endpoint: Endpoint, reported: str) -> str:
    """`, retired on 2026-10-01` for the model that an Azure deployment reports, where Azure tells it."""
    if endpoint.kind != "azure_openai" or not reported:
        return ""
    try:
        at = list_models(endpoint).get(reported)
    except EndpointError:
        return ""
    return f", retired on {datetime.fromtimestamp(at, UTC).date()}" if at else ""


def _timing(completion: Completion) -> str:
    first = completion.time_to_first_token
    parts = [f"{completion.total_time:.2f} s", f"first token after {first:.2f} s" if first is not None else ""]
    if completion.prompt_tokens is not None:
        parts.append(f"{completion.prompt_tokens} + {completion.completion_tokens} tokens")
    return ", ".join(part for part in [*parts, completion.error] if part)
