"""A model made ready for several requests at once, by one process or by several that share its weights."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bakeoff.catalog import embedding_folder, genai_folder
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_decoder import open_decoder
from bakeoff.models.onnx_embedding import OnnxEmbeddingModel
from bakeoff.models.onnx_runtime import THREADS_VARIABLE
from bakeoff.models.onnx_together import Together, open_together
from bakeoff.serving.answering import Answering


@dataclass(frozen=True)
class Loaded:
    """A model, and `processes` to fork so that `streams` requests are answered at once."""

    model: OnnxChatModel | OnnxEmbeddingModel
    together: Together | None
    streams: int

    @property
    def processes(self) -> int:
        return 1 if self.together else self.streams

    def answering(self) -> Answering:
        """What answers in one of the processes."""
        return Answering(self.model, self.together)


def load(folder: Path, name: str, streams: int, processes: int) -> Loaded:
    """The model in `folder`. Raises as loading it does.

    Where `streams` answers can be written together one process does, with all cores. Else there are `processes` that
    answer one request at a time, each by one thread where there are several: a forked process has no others.
    """
    is_chat = not embedding_folder.is_one(folder)
    if is_chat and streams > 1:
        model = _open(folder, name)
        together = open_together(model, streams)
        if together:
            return Loaded(model, together, streams)
        model.forget_decoder()
    count = processes if hasattr(os, "fork") else 1
    if count > 1:
        os.environ[THREADS_VARIABLE] = "1"
    return Loaded(OnnxChatModel(folder, name) if is_chat else OnnxEmbeddingModel(folder, name), None, count)


def _open(folder: Path, name: str) -> OnnxChatModel:
    """A model with its decoder: ONNX Runtime loads without Python's lock while the tokenizer is read."""
    import onnxruntime  # noqa: F401  # an import would wait for the lock

    genai_folder.check(folder)  # says what is missing better than either load
    with ThreadPoolExecutor(1) as beside:
        opening = beside.submit(OnnxChatModel, folder, name, load=False)
        decoder = open_decoder(folder)
        model = opening.result()
    model.decoder = decoder
    return model
