"""The decoder graph of an onnxruntime-genai folder in plain ONNX Runtime, with key-value caches of the caller's.

A cache lies in buffers that are input and output of the graph at once (GroupQueryAttention writes behind what is
there), so going back to a prefix costs nothing: the next tokens are written over what followed it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.genai_folder import LOGITS_FROM
from bakeoff.errors import BakeoffError, ModelCorruptError
from bakeoff.models.onnx_pages import given_back
from bakeoff.models.onnx_runtime import open_session, thread_count

NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
Caches = Any
"""What `Decoder.bind` gives: buffers that a run can use, of onnxruntime's IOBinding."""


@dataclass(frozen=True)
class Decoder:
    """session: of ONNX Runtime. past_to_present: the cache's output for each of its inputs, by name.

    takes_start: the graph says from which position on it gives logits (else of all, or of the last one only).
    """

    session: Any
    past_to_present: Mapping[str, str]
    inputs: Mapping[str, Any]
    takes_start: bool
    vocabulary: int

    def bind(self, buffers: Mapping[str, NDArray[Any]]) -> Caches:
        """The buffers of each cache input, [rows, heads, capacity, size], for runs with so many rows.

        Nothing is copied: runs read and write the arrays, which the caches hold.
        """
        from onnxruntime import OrtValue

        binding = self.session.io_binding()
        for past, present in self.past_to_present.items():
            binding.bind_cpu_input(past, buffers[past])  # keeps the array; binding an OrtValue does not
            binding.bind_ortvalue_output(present, OrtValue.ortvalue_from_numpy(buffers[past]))
        binding.bind_output("logits")
        return binding

    def run(self, ids: NDArray[Any], known: Sequence[int], caches: Caches, first: int | None = None) -> NDArray[Any]:
        """Logits [rows, tokens, vocabulary] after `ids` [rows, tokens], which follow the `known` tokens of each row.

        first: the first position of `ids` whose logits are given; None: the last one only, always or never for the same
        caches. Several rows take one token each. Raises BakeoffError where ONNX Runtime fails.
        """
        from onnxruntime import OrtValue

        rows, tokens = ids.shape
        totals = np.asarray(known) + tokens
        feeds = {
            "input_ids": ids,
            "attention_mask": np.arange(totals.max()) < totals[:, None],
            "position_ids": np.asarray(known)[:, None] + np.arange(tokens),
        }
        for name, array in feeds.items():
            if name in self.inputs:
                as_declared = np.int32 if self.inputs[name].type == "tensor(int32)" else np.int64
                caches.bind_cpu_input(name, np.ascontiguousarray(array, dtype=as_declared))
        if self.takes_start and first is not None:
            start = np.array([first], dtype=np.int64)  # held until the run is over
            caches.bind_ortvalue_input(LOGITS_FROM, OrtValue.ortvalue_from_numpy(start))
        try:
            self.session.run_with_iobinding(caches)
        except Exception as error:  # onnxruntime's classes have no common base
            reason = str(error).partition("\n")[0]
            raise BakeoffError(f"onnxruntime failed on {rows} x {tokens} tokens: {reason}") from error
        logits: NDArray[Any] = caches.get_outputs_as_ortvaluevector()[len(self.past_to_present)].numpy()
        caches.bind_output("logits")  # lets go of those
        if first is None:
            return logits[:, -1:]
        return logits if self.takes_start else logits[:, first:]


def open_decoder(folder: Path) -> Decoder | None:
    """The graph of the model folder on the CPU; None for one that cannot be driven so.

    That is a graph which is not one decoder file with a shared key-value buffer, has a sliding window or inputs other
    than token ids, mask, positions and cache. Raises ModelCorruptError where ONNX Runtime cannot load the graph.
    """
    config = json.loads((folder / "genai_config.json").read_text(encoding="utf-8-sig"))
    decoder = config["model"]["decoder"]
    if (
        "filename" not in decoder
        or "input_ids" not in decoder["inputs"]
        or "sliding_window" in decoder
        or not config.get("search", {}).get("past_present_share_buffer")
    ):
        return None
    with given_back(folder):
        session = _session(folder / decoder["filename"])
    past_to_present = _caches(decoder)
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    if not inputs.keys() <= {"input_ids", "attention_mask", "position_ids", *past_to_present}:
        return None
    if not {"logits", *past_to_present.values()} <= {tensor.name for tensor in session.get_outputs()}:
        return None
    takes_start = LOGITS_FROM in {tensor.name for tensor in session.get_overridable_initializers()}
    return Decoder(session, past_to_present, inputs, takes_start, config["model"]["vocab_size"])


def _caches(decoder: Mapping[str, Any]) -> dict[str, str]:
    inputs, outputs = decoder["inputs"], decoder["outputs"]
    kinds = [(inputs[f"past_{kind}_names"], outputs[f"present_{kind}_names"]) for kind in ("key", "value")]
    layers = range(decoder["num_hidden_layers"])
    return dict(chain.from_iterable(((past % i, present % i) for past, present in kinds) for i in layers))


def _session(path: Path) -> Any:
    try:
        return open_session(path, thread_count())
    except Exception as error:  # onnxruntime's classes have no common base
        reason = str(error).partition("\n")[0]
        raise ModelCorruptError(
            f"{path}: ONNX Runtime cannot load the graph: {reason}. Pull the model again"
        ) from error
