"""Rows computed together have the logits, to the last bit, that they have alone."""

import dataclasses
import mmap
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bakeoff.models.onnx_batch import Batch, is_exact
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.models.onnx_decoder import Caches, Decoder
from bakeoff.models.onnx_rows import CAPACITY_STEP


@pytest.fixture
def decoder(chat: OnnxChatModel) -> Decoder:
    assert chat.decoder
    if not is_exact(chat.decoder, 4):
        pytest.skip("on this CPU rows computed together differ from those alone, and are not used")
    return chat.decoder


def text(decoder: Decoder, seed: int, length: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, decoder.vocabulary, length, np.int32)


def alone(decoder: Decoder, ids: np.ndarray, head: int, count: int) -> list[np.ndarray]:
    """The logits of `count` greedy steps after a prompt."""
    batch = Batch(decoder, 1)
    logits = [batch.add(ids, head, count)]
    for _ in range(count):
        logits.append(batch.step([int(logits[-1].argmax())])[0])
    return logits


def test_rows_that_come_and_go_change_no_bit_of_the_others(decoder: Decoder) -> None:
    """Twelve texts in up to four rows, ended after 3 to 9 steps, some with the same head."""
    chance = random.Random(1)
    head = text(decoder, 99, 20)
    texts = {i: np.concatenate([head[: 20 * (i % 2)], text(decoder, i, chance.randint(1, 40))]) for i in range(12)}
    heads = {i: 20 * (i % 2) for i in texts}
    steps = {i: chance.randint(3, 9) for i in texts}
    expected = {i: alone(decoder, texts[i], heads[i], steps[i]) for i in texts}
    batch, rows, found = Batch(decoder, 4), list[int](), dict[int, list[np.ndarray]]()
    waiting = list(texts)
    while waiting or rows:
        while waiting and len(rows) < 4:
            rows.append(waiting.pop(0))
            found[rows[-1]] = [batch.add(texts[rows[-1]], heads[rows[-1]], steps[rows[-1]])]
        for i, logits in zip(rows, batch.step([int(found[i][-1].argmax()) for i in rows]), strict=True):
            found[i].append(logits)
        for row in [row for row, i in enumerate(rows) if len(found[i]) > steps[i]][::-1]:
            batch.remove(row)
            rows[row] = rows[-1]
            rows.pop()
    assert all(np.array_equal(found[i], expected[i]) for i in texts)


def test_a_longer_text_makes_room_and_loses_nothing(decoder: Decoder) -> None:
    short, long = text(decoder, 1, 10), text(decoder, 2, CAPACITY_STEP + 20)
    batch = Batch(decoder, 2)
    token = int(batch.add(short, 0, 3).argmax())
    batch.add(long, 0, 3)
    assert np.array_equal(batch.step([token, 5])[0], alone(decoder, short, 0, 1)[1])


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system cannot take a part of an array back")
def test_the_memory_of_a_row_that_ended_is_given_back(smol: OnnxChatModel) -> None:
    assert smol.decoder
    batch = Batch(smol.decoder, 3)
    for seed in (1, 2, 3):
        batch.add(text(smol.decoder, seed, 200), 0, 1)
    batch.remove(0)
    cache = batch._rows._arrays.values()
    assert [any(array[row].any() for array in cache) for row in range(3)] == [True, True, False]
    batch.remove(1)
    batch.remove(0)
    assert not any(array.any() for array in cache)


def test_a_head_is_read_once(smol: OnnxChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert smol.decoder
    read: list[int] = []
    run = Decoder.run
    monkeypatch.setattr(Decoder, "run", lambda self, ids, *rest: read.append(ids.size) or run(self, ids, *rest))
    batch, head = Batch(smol.decoder, 2), text(smol.decoder, 1, 30)
    for seed in (2, 3):
        batch.add(np.concatenate([head, text(smol.decoder, seed, 7)]), 30, 1)
    assert read == [30, 7, 7]


def test_rows_that_depend_on_each_other_are_found_out(decoder: Decoder) -> None:
    """As in graphs whose activations are rounded by the greatest of all rows."""

    class Together(Decoder):
        def run(self, ids: Any, known: Sequence[int], caches: Caches, first: int | None = None) -> Any:
            logits = super().run(ids, known, caches, first)
            return logits + 1e-3 * (len(ids) == 3)

    parts = {field.name: getattr(decoder, field.name) for field in dataclasses.fields(Decoder)}
    assert is_exact(decoder, 4)
    assert not is_exact(Together(**parts), 4)
    assert is_exact(Together(**parts), 2), "three rows were never together"
