"""Logits of given texts with their common prefix computed once: plain ONNX Runtime over an onnxruntime-genai folder.

The key-value cache lies in buffers that are input and output of the graph at once (GroupQueryAttention writes behind
what is there), so going back to a prefix costs nothing: the next tokens are written over what followed it.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.genai_folder import LOGITS_FROM
from bakeoff.errors import BakeoffError, ModelCorruptError
from bakeoff.models.onnx_runtime import Runtime, open_session, thread_count
from bakeoff.models.onnx_text import Ids

Logits = NDArray[np.float32]

TOKENS_AT_ONCE = 128
"""ONNX Runtime multiplies quantised weights with tiles of 128 rows. A single row, also the one left over of 129 or 257,
goes through another kernel that rounds differently: by up to 0.7 in a logit of SmolLM2-135M. Even pieces of at most
128 rows have no such row. It also bounds the memory of the logits of graphs that give those of all positions."""
CAPACITY_STEP = 512
NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class PrefixScorer:
    """Remembers the last sequence and its cache. Not for several threads at once; make it with `open_scorer`."""

    def __init__(self, session: Any, context: int, past_to_present: Mapping[str, str]):
        self._session = session
        self._context = context
        self._past_to_present = past_to_present
        self._inputs = {tensor.name: tensor for tensor in session.get_inputs()}
        self._takes_start = LOGITS_FROM in {tensor.name for tensor in session.get_overridable_initializers()}
        self._caches: dict[str, Any] = {}
        self._capacity = 0
        self._ids: Ids = np.zeros(0, dtype=np.int32)
        self.computed = 0
        """Tokens that went through the model so far."""

    def logits(self, shared: Ids, own: Ids) -> Logits:
        """The logits in front of each token of `own` after the tokens `shared`, [len(own), vocabulary].

        What `shared` and the last call have in common is not computed again. No piece has one row where the text has
        two (see TOKENS_AT_ONCE), so a text has the same logits whatever was asked before it.
        """
        given = np.concatenate([shared, own[:-1]])
        first_wanted = len(shared) - 1
        self._reserve(len(given))
        start = max(0, min(_common(self._ids, given), first_wanted, len(given) - 2))
        pieces = -(-(len(given) - start) // TOKENS_AT_ONCE)
        collected = []
        for piece in np.array_split(given[start:], pieces):
            rows = self._run(piece, start, max(0, min(first_wanted - start, len(piece) - 1)))
            start += len(piece)
            if start > first_wanted:
                collected.append(rows)
        self._ids = given
        return np.concatenate(collected).astype(np.float32, copy=False)

    def _run(self, piece: Ids, start: int, first: int) -> NDArray[Any]:
        """Logits from row `first` of the piece on, which follows the `start` tokens in the cache."""
        from onnxruntime import OrtValue

        binding = self._session.io_binding()
        total = start + len(piece)
        feeds = {
            "input_ids": piece[None].astype(np.int64),
            "attention_mask": np.ones((1, total), dtype=np.int64),
            "position_ids": np.arange(start, total, dtype=np.int64)[None],
        }
        for name, array in feeds.items():
            if name in self._inputs:
                as_declared = np.int32 if self._inputs[name].type == "tensor(int32)" else np.int64
                binding.bind_cpu_input(name, array.astype(as_declared))
        if self._takes_start:
            binding.bind_ortvalue_input(LOGITS_FROM, OrtValue.ortvalue_from_numpy(np.array([first], dtype=np.int64)))
        for past, present in self._past_to_present.items():
            binding.bind_ortvalue_input(past, self._caches[past])
            binding.bind_ortvalue_output(present, self._caches[past])
        binding.bind_output("logits")
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # onnxruntime's classes have no common base
            self._ids = self._ids[:0]
            reason = str(error).partition("\n")[0]
            raise BakeoffError(f"onnxruntime failed on {len(piece)} tokens after {start}: {reason}") from error
        self.computed += len(piece)
        rows: NDArray[Any] = binding.get_outputs()[-1].numpy()[0]
        return rows if self._takes_start else rows[first:]

    def _reserve(self, tokens: int) -> None:
        """Make the buffers long enough; new ones hold nothing."""
        from onnxruntime import OrtValue

        if tokens <= self._capacity:
            return
        self._capacity = min(-(-tokens // CAPACITY_STEP) * CAPACITY_STEP, self._context)
        self._ids = self._ids[:0]
        for past in self._past_to_present:
            _, heads, _, size = self._inputs[past].shape
            empty = np.zeros((1, heads, self._capacity, size), dtype=NUMPY_TYPES[self._inputs[past].type])
            self._caches[past] = OrtValue.ortvalue_from_numpy(empty)


def open_scorer(folder: Path, runtime: Runtime) -> PrefixScorer | None:
    """A scorer for the model folder on the CPU; None for a graph that it cannot drive.

    That is a graph which is not one decoder file with a shared key-value buffer, has a sliding window or inputs other
    than token ids, mask, positions and cache, or gives the logits of the last position only.
    Raises ModelCorruptError where ONNX Runtime cannot load the graph.
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
    session = _session(folder / decoder["filename"])
    past_to_present = _caches(decoder)
    known = {"input_ids", "attention_mask", "position_ids", *past_to_present}
    needed = {"logits", *past_to_present.values()}
    if not {tensor.name for tensor in session.get_inputs()} <= known:
        return None
    if not needed <= {tensor.name for tensor in session.get_outputs()}:
        return None
    takes_start = LOGITS_FROM in {tensor.name for tensor in session.get_overridable_initializers()}
    return PrefixScorer(session, runtime.context, past_to_present) if takes_start or runtime.gives_all_logits else None


def _caches(decoder: Mapping[str, Any]) -> dict[str, str]:
    """The cache's output for each of its inputs, by name."""
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


def _common(a: Ids, b: Ids) -> int:
    """The length of the longest common prefix."""
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if len(different) else n


def single_tokens_together(pairs: Sequence[tuple[Ids, Ids]]) -> bool:
    """Whether all pairs have the same prefix and one token each, so that one row of logits scores them all."""
    return all(len(own) == 1 and np.array_equal(shared, pairs[0][0]) for shared, own in pairs)
