"""From the name a flow or a person gives to a model, each loaded once a process."""

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff import catalog
from bakeoff.catalog.progress import Report, silent
from bakeoff.catalog.tuned import adapter_file, split_name
from bakeoff.errors import InputError, ModelNotFoundError
from bakeoff.models.base import ChatModel
from bakeoff.models.endpoint import Endpoint, endpoint_from_connection, endpoint_from_environment
from bakeoff.models.openai_chat import OpenAIChatModel
from bakeoff.serving.shared import SharedChatModel, is_wanted
from bakeoff.serving.shared_address import UnavailableError

if TYPE_CHECKING:  # numpy, which a worker that shares its chat model has no use for, and the runtimes
    from bakeoff.models.embedding import EmbeddingModel
    from bakeoff.models.onnx_chat import OnnxChatModel
    from bakeoff.models.onnx_embedding import OnnxEmbeddingModel
    from bakeoff.models.onnx_reranker import OnnxReranker
    from bakeoff.models.openai_embedding import OpenAIEmbeddingModel

EMBEDDED_EMBEDDING = "all-minilm-l6-v2"

_lock = threading.Lock()
_local: dict[tuple[int, Path, str], "OnnxChatModel | SharedChatModel"] = {}
_remote: list[OpenAIChatModel] = []
_local_embeddings: dict[Path, "OnnxEmbeddingModel"] = {}
_remote_embeddings: "list[OpenAIEmbeddingModel]" = []
_rerankers: dict[Path, "OnnxReranker"] = {}


def load_model(
    model: str, connection: Any = None, execution_provider: str | None = None, report: Report = silent
) -> ChatModel:
    """The chat model that `model` names; asking again gives the same object.

    With a connection: a deployment or model of that endpoint. `openai:NAME` or `azure:NAME`: the same by environment
    variables. Otherwise a model of the catalog (an embedded one is pulled if need be, `report` gets the steps), the
    path of an onnxruntime-genai folder, or `base+adapter`, which shares the base with its other adapters. The workers
    of a batch share it (bakeoff.serving.shared).
    `execution_provider`, for local models: cpu, cuda or dml; by default that of the catalog's variant, else cpu.
    Raises as `endpoint_from_connection`, `OpenAIChatModel`, `catalog.ensure` and `OnnxChatModel` do.
    """
    with _lock:
        endpoint, name = _endpoint(model, connection)
        if endpoint is not None:
            return _on_endpoint(endpoint, name)
        if not model.strip():
            raise InputError("no model is named: give a name of `bakeoff models list`, a folder, or a connection")
        folder_name, adapter = split_name(model)
        provider = execution_provider or _provider_of(folder_name)
        loaded = _on_this_machine(catalog.ensure(folder_name, report).resolve(), provider)
        return loaded.with_adapter(adapter, adapter_file(adapter)) if adapter else loaded


def load_embedding(
    model: str = EMBEDDED_EMBEDDING, connection: Any = None, report: Report = silent
) -> "EmbeddingModel":
    """The embedding model that `model` names, by the rules of `load_model`; asking again gives the same object.

    Raises as `endpoint_from_connection`, `OpenAIEmbeddingModel`, `catalog.ensure` and `OnnxEmbeddingModel` do.
    """
    with _lock:
        endpoint, name = _endpoint(model, connection)
        if endpoint is not None:
            from bakeoff.models.openai_embedding import OpenAIEmbeddingModel

            for loaded in _remote_embeddings:
                if loaded.endpoint == endpoint and loaded.identity.name == (name or endpoint.model):
                    return loaded
            _remote_embeddings.append(OpenAIEmbeddingModel(endpoint, name))
            return _remote_embeddings[-1]
        if not model.strip():
            raise InputError(f"no embedding model is named: {EMBEDDED_EMBEDDING} needs no account")
        folder = catalog.ensure(model, report).resolve()
        if folder not in _local_embeddings:
            from bakeoff.models.onnx_embedding import OnnxEmbeddingModel

            _local_embeddings[folder] = OnnxEmbeddingModel(folder, folder.name)
        return _local_embeddings[folder]


def load_reranker(folder: str) -> "OnnxReranker":
    """The cross-encoder in a folder; asking again gives the same object. Raises as `OnnxReranker` does."""
    path = Path(folder).expanduser().resolve()
    with _lock:
        if path not in _rerankers:
            from bakeoff.models.onnx_reranker import OnnxReranker

            _rerankers[path] = OnnxReranker(path)
        return _rerankers[path]


def _endpoint(model: str, connection: Any) -> tuple[Endpoint | None, str]:
    """Where a model answers (None: on this machine) and its name there."""
    if connection is not None:
        return endpoint_from_connection(connection), model
    provider, _, name = model.partition(":")
    if provider == "openai":
        return endpoint_from_environment("openai"), name
    if provider == "azure":
        return endpoint_from_environment("azure_openai"), name
    return None, model


def _provider_of(model: str) -> str:
    try:
        variant = catalog.find(model).variant.name
    except ModelNotFoundError:
        return "cpu"
    return {"cuda": "cuda", "directml": "dml"}.get(variant, "cpu")


def _on_endpoint(endpoint: Endpoint, model: str) -> OpenAIChatModel:
    for loaded in _remote:
        if loaded.endpoint == endpoint and loaded.identity.name == (model or endpoint.model):
            return loaded
    _remote.append(OpenAIChatModel(endpoint, model))
    return _remote[-1]


def _on_this_machine(folder: Path, execution_provider: str) -> "OnnxChatModel | SharedChatModel":
    """The process id is part of the key: a forked child has the parent's models, but not the threads they run on."""
    key = (os.getpid(), folder, execution_provider)
    if key not in _local:
        shared = _shared(folder) if execution_provider == "cpu" and is_wanted() else None
        if shared is None:
            from bakeoff.models.onnx_chat import OnnxChatModel

            _local[key] = OnnxChatModel(folder, folder.name, execution_provider)
        else:
            _local[key] = shared
    return _local[key]


def _shared(folder: Path) -> SharedChatModel | None:
    """The model that this machine's batches share; None, and a line that says why, where it cannot be."""
    try:
        return SharedChatModel(folder, folder.name)
    except UnavailableError as error:
        sys.stderr.write(f"{folder.name} is loaded by each worker, not shared: {error}\n")
        return None
