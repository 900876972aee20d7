import pytest

from bakeoff.retrieval.fusion import FusionSettings, fuse


def test_the_terms_add_up_as_documented():
    settings = FusionSettings(0.1, 0.5, 0.5, 0.6, 1.0)
    scores = fuse({"a": 0.9, "b": 0.8}, {"b": 4.0}, settings)
    first, second = 1 / (1 + 2.718281828459045**-1), 1 / (1 + 2.718281828459045)
    assert scores["a"] == pytest.approx(0.5 * first + 0.3 * 2 / 2)
    assert scores["b"] == pytest.approx(0.5 * second + 0.5 * 1 + 0.3 * 2 / 3 + 0.3 * 2 / 2)
    assert list(scores) == ["b", "a"]


def test_one_side_alone_keeps_its_order():
    similarities = {"a": 0.1, "b": 0.9, "c": 0.5}
    assert list(fuse(similarities, {})) == ["b", "c", "a"]


def test_agreement_of_both_sides_wins_over_a_narrow_lead_of_one():
    similarities = {"vector": 0.52, "both": 0.51, "words": 0.1}
    assert next(iter(fuse(similarities, {"both": 9.0, "words": 8.9}))) == "both"


def test_a_clear_lead_of_one_side_is_kept():
    similarities = {"clear": 0.9, "other": 0.2, "third": 0.2}
    assert next(iter(fuse(similarities, {"other": 3.0, "third": 2.9, "clear": 2.8}))) == "clear"


def test_nothing_found_is_nothing_fused():
    assert fuse({}, {}) == {}
