import pytest

from bakeoff.benchmarks.items import Item
from bakeoff.benchmarks.letters import question_with_letters, read_letter


@pytest.mark.parametrize(
    ("text", "index"),
    [("B", 1), (" b.\n", 1), ("(C)", 2), ("D)", 3), ("A:", 0)],
)
def test_a_letter_alone_is_read(text: str, index: int) -> None:
    assert read_letter(text, 4) == index


@pytest.mark.parametrize("text", ["", "E", "A or B", "The answer is B", "AB", "A king", "1", "Б"])
def test_anything_else_is_not(text: str) -> None:
    assert read_letter(text, 4) is None


def test_the_question_shows_the_options_under_letters() -> None:
    item = Item("1", "", "", (), None, question="Which?", options=("this", "that", "both"), answer=2)
    assert question_with_letters(item) == (
        "Which?\nA. this\nB. that\nC. both\n\nAnswer with the letter of the right option and nothing else."
    )
