import pytest

from bakeoff.models.stop_strings import StopStrings


def feed_all(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    filter_ = StopStrings(stops)
    shown = "".join(filter_.feed(piece) for piece in pieces)
    return shown + filter_.rest(), filter_.found


@pytest.mark.parametrize(
    ("pieces", "stops", "shown", "found"),
    [
        (["one two three"], ["two"], "one ", True),
        (["one t", "w", "o three"], ["two"], "one ", True),
        (["one t", "w", "elve"], ["two"], "one twelve", False),
        (["one tw"], ["two"], "one tw", False),
        (["aab"], ["ab"], "a", True),
        (["a", "a", "b"], ["ab"], "a", True),
        (["x\n", "\nUser: y"], ["User:", "\n\n"], "x", True),
        (["abcdef"], ["ef", "cd"], "ab", True),
        (["stop"], ["stop"], "", True),
        (["漢", "字"], ["漢字"], "", True),
        (["a", "b"], [], "ab", False),
    ],
)
def test_text_before_the_first_stop_string_is_shown(
    pieces: list[str], stops: list[str], shown: str, found: bool
) -> None:
    assert feed_all(pieces, stops) == (shown, found)


def test_nothing_of_a_stop_string_is_shown_before_it_is_known() -> None:
    filter_ = StopStrings(["<end>"])
    assert [filter_.feed(piece) for piece in ("a<", "e", "nd", ">b", "c")] == ["a", "", "", "", ""]
    assert filter_.rest() == ""


def test_text_that_cannot_become_a_stop_string_is_shown_at_once() -> None:
    filter_ = StopStrings(["<end>"])
    assert [filter_.feed(piece) for piece in ("a<", "b<e", "x")] == ["a", "<b", "<ex"]
