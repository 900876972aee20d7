import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from tiny_phi3 import write_tiny_phi3

from bakeoff.errors import PromptTooLongError
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_decoder import open_decoder
from bakeoff.models.onnx_likelihood import score, split_tokens
from bakeoff.models.onnx_scoring import CAPACITY_STEP, TOKENS_AT_ONCE, PrefixScorer

SHARED = "The city of question and answer. " * 3


def scorer_of(model: OnnxChatModel) -> PrefixScorer:
    assert model.decoder
    return PrefixScorer(model.decoder, model.context_length)


def pair(model: OnnxChatModel, prefix: str, continuation: str) -> tuple[np.ndarray, np.ndarray]:
    return split_tokens(model._encoder, model._runtime.start_token, prefix, continuation)


def test_reuse_changes_no_bit(chat: OnnxChatModel) -> None:
    """Each text once behind others that share more or less with it, once on a scorer that knows nothing."""
    texts = [
        (SHARED + "What is the capital?", " a world, hello"),
        (SHARED + "What is the capital?", " the hello of system"),
        (SHARED + "What is a question?", " user"),
        (SHARED + "What is a question?", " end"),
        ("Hello", " world of questions"),
        (SHARED + "What", " is the capital?"),
    ]
    reusing = scorer_of(chat)
    for prefix, continuation in texts:
        shared, own = pair(chat, prefix, continuation)
        assert np.array_equal(reusing.logits(shared, own), scorer_of(chat).logits(shared, own))


@pytest.mark.parametrize("length", [128, 129, 130, 257, 258, 385])
def test_reuse_changes_no_bit_at_the_edge_of_a_tile(length: int, smol: OnnxChatModel) -> None:
    """Of 129 or 257 rows in one run, the last would come from another kernel and differ by half a nat."""
    shared, own = pair(smol, SHARED * 60, " A")
    shared = shared[:length]
    expected = scorer_of(smol).logits(shared, own)
    reusing = scorer_of(smol)
    for known in (length - 100, length - 2, length - 1, length):
        reusing.logits(shared[:known], own)
        assert np.array_equal(reusing.logits(shared, own), expected), known


def test_a_longer_text_with_the_same_prefix_outgrows_the_buffer(smol: OnnxChatModel) -> None:
    """New buffers hold nothing: what the last text left in the old ones must not count as known."""
    shared, own = pair(smol, SHARED * 80, " A")
    reusing = scorer_of(smol)
    reusing.logits(shared[: CAPACITY_STEP - 20], own)
    longer = shared[: CAPACITY_STEP + 20]
    assert np.array_equal(reusing.logits(longer, own), scorer_of(smol).logits(longer, own))


def test_a_shared_prefix_is_computed_once(chat: OnnxChatModel) -> None:
    scorer = scorer_of(chat)
    shared, own = pair(chat, SHARED, " the capital")
    scorer.logits(shared, own)
    assert scorer.computed == len(shared) + len(own) - 1
    shared, own = pair(chat, SHARED, " hello of the world")
    before = scorer.computed
    scorer.logits(shared, own)
    assert scorer.computed - before == len(own), "the prefix's last token, for its logits, and all but the last own"


def test_letters_take_one_pass(smol: OnnxChatModel) -> None:
    letters = smol.loglikelihood("The capital of France is city", [" A", " B", " C"])
    assert smol._scorer is not None
    before = smol._scorer.computed
    assert smol.loglikelihood("The capital of France is city", [" A", " B", " C"]) == letters
    assert smol._scorer.computed - before == 2, "the last token, and one more because one row alone rounds differently"
    alone = [smol.loglikelihood("The capital of France is city", [letter])[0] for letter in (" A", " B", " C")]
    assert alone == letters


def test_a_prefix_of_several_pieces_and_a_growing_buffer(phi3: OnnxChatModel) -> None:
    scorer = scorer_of(phi3)
    shared, own = pair(phi3, "ab" * (TOKENS_AT_ONCE // 2 + 20), " the capital of x")
    assert len(shared) > TOKENS_AT_ONCE
    (expected,) = phi3.loglikelihood("ab" * (TOKENS_AT_ONCE // 2 + 20), [" the capital of x"])
    session = ort.InferenceSession(phi3.folder / "model.onnx", providers=["CPUExecutionProvider"])
    ids = np.concatenate([shared, own])[None].astype(np.int64)
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    empty = np.zeros((1, 2, 0, 16), np.float32)
    feed |= {tensor.name: empty for tensor in session.get_inputs() if tensor.name not in feed}
    whole = session.run(["logits"], feed)[0][0][len(shared) - 1 : -1]
    assert scorer.logits(shared, own) == pytest.approx(whole, abs=1e-4)
    rows = whole - np.logaddexp.reduce(whole, axis=-1, keepdims=True)
    assert expected.logprob == pytest.approx(float(rows[np.arange(len(own)), own].sum()), abs=1e-3)


def test_the_generator_gives_the_same(phi3: OnnxChatModel) -> None:
    pairs = [pair(phi3, SHARED, text) for text in (" hello", " the world of hello")]
    by_generator = score(phi3._runtime, pairs, [0, 0], None)
    by_session = score(phi3._runtime, pairs, [0, 0], scorer_of(phi3))
    for a, b in zip(by_generator, by_session, strict=True):
        assert a.logprob == pytest.approx(b.logprob, abs=1e-3)
        assert (a.tokens, a.is_greedy) == (b.tokens, b.is_greedy)


@pytest.mark.parametrize("only_last", [False, True])
def test_a_long_prefix_is_cut_from_the_left(only_last: bool, phi3: OnnxChatModel, tmp_path: Path) -> None:
    """Context 512: of 600 one-token letters and two more tokens 513 stay, of which 512 are fed."""
    model = OnnxChatModel(write_tiny_phi3(tmp_path / "model", only_last_logits=True), "last") if only_last else phi3
    prefix = "ab" * 300
    shared, own = pair(model, prefix, " xy")
    (cut,) = model.loglikelihood(prefix, [" xy"], overflow="truncate")
    assert cut.dropped_tokens == len(shared) + len(own) - 513
    kept = shared[cut.dropped_tokens :]
    (expected,) = score(phi3._runtime, [(kept, own)], [0], scorer_of(phi3))
    assert cut.logprob == pytest.approx(expected.logprob, abs=1e-3)
    assert model.loglikelihood("ab", [" xy"], overflow="truncate")[0].dropped_tokens == 0


def test_a_continuation_longer_than_the_context_is_an_error(phi3: OnnxChatModel) -> None:
    with pytest.raises(PromptTooLongError, match="the continuation alone"):
        phi3.loglikelihood("a", [" " + "b" * 600], overflow="truncate")


@pytest.mark.parametrize("change", ["no shared buffer", "sliding window", "several files"])
def test_graphs_that_only_the_generator_can_drive(change: str, phi3: OnnxChatModel, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(phi3.folder, tmp_path / "model"))
    config = json.loads((folder / "genai_config.json").read_text())
    if change == "no shared buffer":
        config["search"]["past_present_share_buffer"] = False
    elif change == "sliding window":
        config["model"]["decoder"]["sliding_window"] = {"window_size": 16}
    else:
        del config["model"]["decoder"]["filename"]
    (folder / "genai_config.json").write_text(json.dumps(config))
    assert open_decoder(folder) is None


def test_a_graph_with_last_logits_only_is_left_to_the_generator(tmp_path: Path) -> None:
    model = OnnxChatModel(write_tiny_phi3(tmp_path / "model", only_last_logits=True), "last")
    assert model._scorer is None
    assert model.loglikelihood("the capital", [" of the city"])[0].tokens > 1
