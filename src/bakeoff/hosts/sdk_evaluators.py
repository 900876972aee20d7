"""Microsoft's own evaluators, asked beside ours and shown under their own names where their packages are installed."""

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from bakeoff.errors import InputError
from bakeoff.metrics.judge import NAMES
from bakeoff.metrics.rows import Score, failed, scored, skipped
from bakeoff.models.base import ChatModel
from bakeoff.models.openai_chat import OpenAIChatModel

SDKS: Mapping[str, tuple[str, str]] = {
    "azure_ai_": ("azure.ai.evaluation", "azure-ai-evaluation"),
    "promptflow_evals_": ("promptflow.evals.evaluators", "promptflow-evals"),
}
"""Prefix of a metric's name: module and package of the evaluators."""
ARGUMENTS: Mapping[str, str] = {
    "query": "question",
    "question": "question",
    "response": "answer",
    "answer": "answer",
    "context": "context",
    "ground_truth": "ground_truth",
}
"""What the evaluators call the texts of a row."""


def criterion_of(name: str) -> str:
    """`relevance` of `azure_ai_relevance`. Raises InputError for a name that is no evaluator of `SDKS`."""
    for prefix in SDKS:
        if name.startswith(prefix) and name.removeprefix(prefix) in NAMES:
            return name.removeprefix(prefix)
    known = ", ".join(f"{prefix}{criterion}" for prefix in SDKS for criterion in NAMES)
    raise InputError(f"there is no evaluator {name!r}: use {known}")


def sdk_score(name: str, judge: ChatModel, texts: Mapping[str, str]) -> Score:
    """The score of 1 to 5 that a package's evaluator gives with this judge, with its reason.

    texts: `question`, `answer`, `context`, `ground_truth`. An evaluator that raises, or gives no number, is `failed`;
    without a text that it needs the row is skipped. Raises InputError where no row can succeed: an unknown name, a
    package that is not installed, a judge that is not behind an endpoint.
    """
    evaluator, criterion = _evaluator(name, judge), criterion_of(name)
    wanted = _arguments(evaluator)
    given = {argument: texts[ARGUMENTS[argument]] for argument in wanted}
    if missing := [ARGUMENTS[argument] for argument in wanted if not given[argument].strip()]:
        return skipped(f"the row has no {missing[0]}")
    try:
        found = evaluator(**given)
    except Exception as error:
        return failed(f"{name}: {type(error).__name__}: {error}")
    value = found.get(criterion, found.get(f"gpt_{criterion}"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 1 <= value <= 5:
        return failed(f"{name} gave {value!r}, not a number from 1 to 5")
    return scored(value, reason=str(found.get(f"{criterion}_reason", "")))


def _evaluator(name: str, judge: ChatModel) -> Callable[..., Mapping[str, Any]]:
    if not isinstance(judge, OpenAIChatModel):
        raise InputError(f"{name} asks an endpoint: give a connection, or a judge such as openai:NAME")
    return _loaded(name, judge)


@cache
def _loaded(name: str, judge: OpenAIChatModel) -> Callable[..., Mapping[str, Any]]:
    criterion = criterion_of(name)
    module, package = next(SDKS[prefix] for prefix in SDKS if name.startswith(prefix))
    try:
        evaluators = import_module(module)
    except ImportError as error:
        raise InputError(f"{name} needs the package {package} ({error}): pip install {package}") from error
    except LookupError:
        raise InputError(
            f"{package} needs data of NLTK that is not on this machine: "
            "run `python -m nltk.downloader perluniprops punkt punkt_tab`, or set NLTK_DATA to where it is"
        ) from None
    made = getattr(evaluators, f"{criterion.capitalize()}Evaluator", None)
    if made is None:
        raise InputError(f"{package} has no evaluator of {criterion}")
    return made(_configuration(judge, module))  # type: ignore[no-any-return]


def _configuration(judge: OpenAIChatModel, module: str) -> Any:
    endpoint, name = judge.endpoint, judge.identity.name
    if endpoint.kind == "azure_openai":
        fields = {"azure_endpoint": endpoint.base_url, "azure_deployment": name, "api_version": endpoint.api_version}
    else:
        fields = {"base_url": endpoint.base_url, "model": name}
    if endpoint.api_key or endpoint.kind != "azure_openai":
        fields["api_key"] = endpoint.api_key or "none"
    if module.startswith("promptflow."):
        from promptflow.core import AzureOpenAIModelConfiguration, OpenAIModelConfiguration

        azure = endpoint.kind == "azure_openai"
        return AzureOpenAIModelConfiguration(**fields) if azure else OpenAIModelConfiguration(**fields)
    return {"type": "azure_openai" if endpoint.kind == "azure_openai" else "openai", **fields}


def _arguments(evaluator: Callable[..., Any]) -> list[str]:
    """Names of the texts that it needs; of several signatures the first."""
    from typing import get_overloads

    call = type(evaluator).__call__
    signature = inspect.signature((get_overloads(call) or [call])[0])
    return [n for n, p in signature.parameters.items() if n in ARGUMENTS and p.default is inspect.Parameter.empty]
