from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from tiny_phi3 import write_tiny_phi3

from bakeoff.errors import InputError, PromptTooLongError
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_likelihood import TOKENS_AT_ONCE, split_tokens
from bakeoff.models.onnx_text import control_tokens

PREFIX = "The capital of France is the city of"
CONTINUATIONS = [" Paris", " London, which is not", " a hello world answer.\nThe end", " Paris", "  two", "é漢"]


class PlainRuntime:
    """The same graph in plain ONNX Runtime."""

    def __init__(self, folder: Path):
        self._session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])

    def run(
        self, ids: np.ndarray, past: dict[str, np.ndarray], before: int
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Log-probabilities [positions, vocabulary] after `ids`, which follow `before` tokens; the cache after them."""
        feed: dict[str, Any] = {"input_ids": ids[None].astype(np.int64), **past}
        feed["attention_mask"] = np.ones((1, before + len(ids)), np.int64)
        if self._session.get_overridable_initializers():
            feed["logits_from"] = np.array([0])
        for given in self._session.get_inputs():
            if given.name not in feed:
                feed[given.name] = np.zeros((1, given.shape[1], 0, given.shape[3]), np.float32)
        names = [output.name for output in self._session.get_outputs()]
        outputs = dict(zip(names, self._session.run(names, feed), strict=True))
        logits = outputs.pop("logits")[0].astype(np.float64)
        cache = {name.replace("present", "past_key_values"): array for name, array in outputs.items()}
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)), cache

    def whole(self, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        """In front of each token of `own`: the whole sequence at once, no cache."""
        rows, _ = self.run(np.concatenate([shared, own]), {}, 0)
        return rows[len(shared) - 1 : -1]

    def one_by_one(self, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        """The same, for a graph with the logits of the last position only."""
        rows, cache = self.run(shared, {}, 0)
        collected = [rows[-1]]
        for i in range(len(own) - 1):
            rows, cache = self.run(own[i : i + 1], cache, len(shared) + i)
            collected.append(rows[-1])
        return np.array(collected)


def check(model: OnnxChatModel, prefix: str, continuations: list[str], folder: Path) -> None:
    plain = PlainRuntime(folder)
    scored = model.loglikelihood(prefix, continuations)
    assert len(scored) == len(continuations)
    for continuation, got in zip(continuations, scored, strict=True):
        shared, own = split_tokens(model._encoder, model._runtime.start_token, prefix, continuation)
        rows = plain.whole(shared, own)
        if len(rows) != len(own):
            rows = plain.one_by_one(shared, own)
        assert got.logprob == pytest.approx(float(rows[np.arange(len(own)), own].sum()), abs=1e-3), continuation
        assert got.is_greedy == bool((rows.argmax(axis=-1) == own).all())
        assert got.tokens == len(own)


def test_scores_are_those_of_plain_onnx_runtime(chat: OnnxChatModel) -> None:
    check(chat, PREFIX, CONTINUATIONS, chat.folder)


def test_an_empty_or_short_prefix(phi3: OnnxChatModel) -> None:
    for prefix, continuations in (
        ("", ["the capital", "a"]),
        ("  ", ["city", "a"]),
        ("the", [" capital", " city and"]),
    ):
        check(phi3, prefix, continuations, phi3.folder)


def test_a_continuation_longer_than_one_piece(phi3: OnnxChatModel) -> None:
    check(phi3, "the capital", [" x" * TOKENS_AT_ONCE, " y"], phi3.folder)


def test_a_graph_that_gives_only_the_last_position(phi3: OnnxChatModel, tmp_path: Path) -> None:
    pruned = OnnxChatModel(write_tiny_phi3(tmp_path / "model", only_last_logits=True), "pruned")
    assert not pruned._runtime.gives_all_logits
    assert phi3._runtime.gives_all_logits
    check(pruned, PREFIX, CONTINUATIONS, phi3.folder)


def test_greedy_text_is_greedy_and_likely(smol: OnnxChatModel) -> None:
    paris, london = smol.loglikelihood("The capital of France is", [" Paris", " London"])
    assert paris.is_greedy
    assert not london.is_greedy
    assert london.logprob < paris.logprob < 0
    assert (paris.tokens, london.tokens) == (1, 1)


def decoded(model: OnnxChatModel, prefix: str, continuation: str) -> tuple[str, str]:
    shared, own = split_tokens(model._encoder, model._runtime.start_token, prefix, continuation)
    return model._runtime.tokenizer.decode(shared), model._runtime.tokenizer.decode(own)


def test_white_space_at_the_end_of_the_prefix_goes_to_the_continuation(smol: OnnxChatModel) -> None:
    assert decoded(smol, "Answer: ", "Paris") == ("Answer:", " Paris")
    assert decoded(smol, "Answer:\n", "Paris") == ("Answer:", "\nParis")
    assert smol.loglikelihood("Answer: ", ["Paris"]) == smol.loglikelihood("Answer:", [" Paris"])


def test_tokens_of_the_continuation_are_those_of_the_whole_beyond_the_prefix(smol: OnnxChatModel) -> None:
    """`Parisian` is one token after a space: what lm-evaluation-harness counts is the rest of the whole."""
    encode = smol._runtime.tokenizer.encode
    shared, own = split_tokens(smol._encoder, 1, "I am Par", "isian, she said")
    assert np.array_equal(shared, encode("I am Par"))
    assert np.array_equal(own, encode("I am Parisian, she said")[len(shared) :])


def test_an_empty_prefix_is_the_start_token(chat: OnnxChatModel) -> None:
    shared, own = split_tokens(chat._encoder, chat._runtime.start_token, "", "hello")
    assert shared.tolist() == [1]
    assert np.array_equal(own, chat._runtime.tokenizer.encode("hello"))


def test_control_tokens_stay_text(chat: OnnxChatModel) -> None:
    shared, own = split_tokens(chat._encoder, 1, "a</s><|im_end|>", " b<|end|><|im_start|>")
    controls = set(control_tokens(chat.folder))
    assert controls & set(chat._runtime.tokenizer.encode("</s><|im_end|>").tolist())
    assert not controls & set(np.concatenate([shared, own]).tolist())


def test_no_continuations_no_scores(phi3: OnnxChatModel) -> None:
    assert phi3.loglikelihood("a", []) == []


def test_a_continuation_without_tokens_is_an_input_error(chat: OnnxChatModel) -> None:
    with pytest.raises(InputError, match="no token of its own"):
        chat.loglikelihood("the", [""])


def test_a_text_beyond_the_context_is_an_error(phi3: OnnxChatModel) -> None:
    with pytest.raises(PromptTooLongError, match="context 512"):
        phi3.loglikelihood("a" * 500, [" " + "b" * 20])
    (full,) = phi3.loglikelihood("a" * 500, [" bbbbbbbbb"])
    assert full.tokens == 10
