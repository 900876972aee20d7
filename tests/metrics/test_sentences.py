import pytest

from bakeoff.metrics.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n\t", []),
        ("Paris", ["Paris"]),
        ("It is big. It is old! Is it? Yes… Good", ["It is big.", "It is old!", "Is it?", "Yes…", "Good"]),
        ("Wait... What?! No", ["Wait...", "What?!", "No"]),
        ("It rains ... and pours. ok", ["It rains ... and pours. ok"]),
        ('He said "Go." Then he left. (It was late.) Bye', ['He said "Go."', "Then he left.", "(It was late.)", "Bye"]),
        ("A bag costs 3.50 EUR. Two cost 1,234.5 EUR.", ["A bag costs 3.50 EUR.", "Two cost 1,234.5 EUR."]),
        ("It costs 30. 2 bags are free.", ["It costs 30.", "2 bags are free."]),
        ("Version v2.1.3 is out. See example.com now.", ["Version v2.1.3 is out.", "See example.com now."]),
        ("全部。第二句！[1] 第三句", ["全部。", "第二句！[1]", "第三句"]),
        ("One line\nanother. Line\r\n\r\nlast", ["One line", "another.", "Line", "last"]),
        ("Two  spaces\tand a tab.   Next.", ["Two spaces and a tab.", "Next."]),
    ],
)
def test_ends_of_sentences(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith met Mrs. Jones.",
        "Take a snack, e.g. Swiss cheese, i.e. Emmental.",
        "Gao et al. Published it.",
        "Bags vs. Suitcases (approx. 30).",
        "See No. 5, Fig. 2 and p. 10.",
        "It was on Jan. 5 or Sept. 12.",
        "J. R. R. Tolkien wrote it.",
        "The U.S. Government and the U.K. Parliament agree.",
        "At 5 p.m. the bus leaves.",
        "(Dr. Who) and “Mr. Bean” ran.",
    ],
)
def test_abbreviations_do_not_end_a_sentence(text):
    assert split_sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Is it free? No. You pay.", ["Is it free?", "No.", "You pay."]),
        ("So do I. He too.", ["So do I.", "He too."]),
        ("It closes at 5 p.m. The bus waits.", ["It closes at 5 p.m.", "The bus waits."]),
        ("Bring food, drinks, etc. Then go.", ["Bring food, drinks, etc.", "Then go."]),
    ],
)
def test_abbreviations_that_may_end_a_sentence(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "1. Open the app.\n2. Close it.",
        "- Open the app.\n- Close it.",
        "  * Open the app.\n  * Close it.",
        "a) Open the app.\n\n(b) Close it.",
        "# Open the app.\n> Close it.",
        "• Open the app.\n12) Close it.",
    ],
)
def test_list_items_are_sentences_without_their_markers(text):
    assert split_sentences(text) == ["Open the app.", "Close it."]


def test_numbers_inside_a_line():
    assert split_sentences("Open the app. 2. Close it.") == ["Open the app.", "2. Close it."]
    assert split_sentences("-5 degrees\n10 bags") == ["-5 degrees", "10 bags"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Big [1]. Old [2].", ["Big [1].", "Old [2]."]),
        ("Big. [1] Old. [2][3]", ["Big. [1]", "Old. [2][3]"]),
        ("Big.[1] Old.[2, 3] New", ["Big.[1]", "Old.[2, 3]", "New"]),
        ("Big.\n[1]\nOld.", ["Big. [1]", "Old."]),
        ("Big.\n---\nOld.", ["Big. ---", "Old."]),
        ("[1]", ["[1]"]),
    ],
)
def test_citations_belong_to_the_sentence_before(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize("text", ["." * 50_000, "Mr. " * 20_000, ". [1" * 20_000, "a. " * 20_000, "[1] " * 20_000])
@pytest.mark.timeout(10)
def test_odd_texts_are_quick(text):
    assert len(split_sentences(text)) <= 20_001
