"""A cross-encoder on this machine: how well a passage answers a question, both read together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bakeoff.errors import ModelCorruptError, ModelNotFoundError
from bakeoff.models.onnx_runtime import open_session, thread_count

MAX_TOKENS = 512
_GRAPHS = ("model.onnx", "onnx/model.onnx")
_TOKENIZER = "tokenizer.json"


class OnnxReranker:
    """A folder with tokenizer.json and model.onnx (or onnx/model.onnx), as cross-encoders on the hub are exported.

    The graph takes input_ids and, if it has them, attention_mask and token_type_ids, and gives one logit for each pair
    or two, of which the second is the relevant class (Nogueira and Cho 2019, "Passage Re-ranking with BERT",
    arXiv:1901.04085). Raises ModelNotFoundError and ModelCorruptError naming the folder.
    """

    def __init__(self, folder: Path):
        from tokenizers import Tokenizer

        graph = next((folder / name for name in _GRAPHS if (folder / name).is_file()), None)
        if graph is None or not (folder / _TOKENIZER).is_file():
            raise ModelNotFoundError(
                f"{folder} is not a cross-encoder: it needs {_TOKENIZER} and {' or '.join(_GRAPHS)}"
            )
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
            self._session = open_session(graph, thread_count())
        except Exception as error:  # both libraries raise classes of their own without a common base
            raise ModelCorruptError(
                f"the cross-encoder in {folder} cannot be loaded: {str(error).splitlines()[0]}"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._inputs = [tensor.name for tensor in self._session.get_inputs()]

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Relevance of each passage, higher is better; the longer of a pair is cut to MAX_TOKENS together."""
        return [self._score(question, passage) for passage in passages]

    def _score(self, question: str, passage: str) -> float:
        pair = self._tokenizer.encode(question, passage)
        feeds = {"input_ids": pair.ids, "attention_mask": pair.attention_mask, "token_type_ids": pair.type_ids}
        logits = self._session.run(None, {name: np.array([feeds[name]], np.int64) for name in self._inputs})[0][0]
        return float(logits[0] if len(logits) == 1 else logits[1] - logits[0])
