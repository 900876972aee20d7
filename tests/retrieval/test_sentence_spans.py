import pytest

from bakeoff.retrieval.sentences import sentence_spans


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("  One.\nTwo.  ", ["One.", "Two."]),
        ("It costs 20. Pay now.", ["It costs 20.", "Pay now."]),
        ("It costs 3.50 EUR. Pay.", ["It costs 3.50 EUR.", "Pay."]),
        ("Ask Dr. Smith, e.g. Monday. Yes.", ["Ask Dr. Smith, e.g. Monday.", "Yes."]),
        ("No. 5 is late. Sorry.", ["No. 5 is late.", "Sorry."]),
        ("Wait ... then go. Now.", ["Wait ... then go.", "Now."]),
        ('He said "Go!" Then left.', ['He said "Go!"', "Then left."]),
        ("You need:\n- a pass\n- a bag", ["You need:", "- a pass", "- a bag"]),
        ("1. Pack\n2. Fly", ["1. Pack", "2. Fly"]),
        ("A heading\n\nText.", ["A heading", "Text."]),
        ("これは本。次。", ["これは本。", "次。"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]):
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences
