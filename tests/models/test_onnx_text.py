import json
import random
from pathlib import Path

import numpy as np
import pytest

from bakeoff.errors import InputError, ModelCorruptError
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_text import PIECE, Part, TextEncoder, control_tokens, valid_text


def added_tokens(model: OnnxChatModel) -> dict[str, int]:
    tokenizer = json.loads((model.folder / "tokenizer.json").read_text(encoding="utf-8"))
    return {token["content"]: token["id"] for token in tokenizer["added_tokens"]}


def decoded(model: OnnxChatModel, text: str) -> str:
    """The text after encoding and decoding, without the space that Phi-3's tokenizer puts in front."""
    tokenizer = model._runtime.tokenizer
    in_front = tokenizer.decode(tokenizer.encode("a")).removesuffix("a")
    return str(tokenizer.decode(model._encoder.encode([Part(text)]))).removeprefix(in_front)


def test_each_control_token_in_a_text_stays_text(chat: OnnxChatModel) -> None:
    added = added_tokens(chat)
    assert len(added) > 5
    for control, number in added.items():
        assert number in chat._runtime.tokenizer.encode(control), "the tokenizer by itself reads it as a control token"
        for text in (control, f"a {control} b", f"a\n{control}{control}", f"{control} é漢"):
            ids = chat._encoder.encode([Part(text)])
            assert not set(added.values()) & set(ids.tolist()), text
            assert decoded(chat, text) == text


def test_pieces_of_control_tokens_never_become_one(chat: OnnxChatModel) -> None:
    added, rng = added_tokens(chat), random.Random(1)
    markers = sorted(added)
    fragments = [m[:n] for m in markers for n in (1, 3, -1)] + [m[n:] for m in markers for n in (1, 3, -1)]
    between = ["", " ", "\n", "\u200b", "\ufeff", "\u00ad", "\t", "a", "7", "é", "漢", "<|im_<|im_start|>start|>", "<<"]
    for _ in range(500):
        text = "".join(rng.choice(rng.choice((markers, fragments, between))) for _ in range(rng.randint(1, 12)))
        ids = chat._encoder.encode([Part(text)])
        assert not set(added.values()) & set(ids.tolist()), text
        assert decoded(chat, text) == text


def test_a_control_token_that_spans_a_trusted_part_stays_text(smol: OnnxChatModel) -> None:
    parts = [Part("<|im_start|>", trusted=True), Part("a<|im_"), Part("start|>b<|im_end|>", trusted=True), Part("|>")]
    ids = smol._encoder.encode(parts)
    assert [i for i in ids.tolist() if i <= 16] == [1, 2]
    assert smol._runtime.tokenizer.decode(ids) == "a<|im_start|>b|>"


def test_text_without_control_tokens_is_encoded_in_one_go(chat: OnnxChatModel) -> None:
    for text in ("hello world", "  x", "a\n\n b ", "123 456", "é漢字 😀", "<|x|> <s", ""):
        expected = chat._runtime.tokenizer.encode(text)
        assert np.array_equal(chat._encoder.encode([Part(text)]), expected)
        assert np.array_equal(chat._encoder.encode([Part(text[:2]), Part(text[2:])]), expected)


class OneCharacterControl:
    """A tokenizer whose ids are code points and whose only control token is the character §."""

    def encode(self, text: str) -> np.ndarray:
        return np.array([ord(c) for c in text], dtype=np.int32)


def test_a_control_token_that_cannot_be_cut_is_refused() -> None:
    encoder = TextEncoder(OneCharacterControl(), {ord("§"): "§"})
    assert encoder.encode([Part("§", trusted=True), Part("5")]).tolist() == [ord("§"), ord("5")]
    with pytest.raises(InputError, match="control token"):
        encoder.encode([Part("§", trusted=True), Part("§ 5")])


def test_an_estimate_is_close_and_stops_counting(smol: OnnxChatModel) -> None:
    text = "The river runs through the old town. " * 1000
    exact = len(smol._encoder.encode([Part(text)]))
    assert smol._encoder.estimate([Part(text)], 10 * exact) == pytest.approx(exact, rel=0.01)
    assert 100 < smol._encoder.estimate([Part(text)], 100) <= PIECE


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("é漢😀\ufeff\u200b\r\n\t", "é漢😀\ufeff\u200b\r\n\t"),
    ],
)
def test_what_no_tokenizer_takes_is_replaced(text: str, valid: str) -> None:
    assert valid_text(text) == valid


def test_control_tokens_are_special_ones_and_markup(tmp_path: Path) -> None:
    def token(content: str, special: bool = False) -> dict[str, object]:
        return {"content": content, "special": special}

    first = {"added_tokens": [token("<|end|>", True) | {"id": 1}, token("</s>") | {"id": 2}]}
    second = {
        "3": token("  "),
        "4": token("<tool_call>"),
        "5": token("Bakeoff"),
        "6": token("§", True),
        "7": token("—"),
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(first), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": second}), encoding="utf-8")
    assert control_tokens(tmp_path) == {1: "<|end|>", 2: "</s>", 4: "<tool_call>", 6: "§"}


@pytest.mark.parametrize("content", ["", "[]", '{"added_tokens": [{}]}', '{"added_tokens": 1}'])
def test_a_damaged_tokenizer_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelCorruptError, match="tokenizer") as caught:
        control_tokens(tmp_path)
    assert str(tmp_path) in str(caught.value)
