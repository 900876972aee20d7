import pytest

from bakeoff.metrics.citations import (
    CitationScore,
    cited_numbers,
    invented_citations,
    invented_share,
    score_citations,
    without_citations,
)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", []),
        ("Paris [1].", [1]),
        ("Paris[1][2], not Rome [1, 2] or [3,10].", [1, 2, 1, 2, 3, 10]),
        ("[2][3]", [2, 3]),
        ("An unknown one [0] and [2024].", [0, 2024]),
    ],
)
def test_citations(text, numbers):
    assert cited_numbers(text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "[1-3]",
        "[1;2]",
        "[ 1 ]",
        "[1 ]",
        "[1,  2]",
        "[1,]",
        "[01]",
        "[-1]",
        "[1.5]",
        "[a]",
        "[]",
        "(1)",
        "[^1]",
        "[1",
        "[1](https://example.com)",
        "[¹]",
        "[١]",
        "[1234567890]",
    ],
)
def test_anything_else_is_no_citation_and_stays_in_the_text(text):
    assert cited_numbers(text) == []
    assert without_citations(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Paris [1].", "Paris."),
        ("Paris[1][2] is [3, 4] big [5]", "Paris is big"),
        ("[1] Paris\n  [2] [3] Rome", "Paris\nRome"),
        ("Paris. [1]\nRome.", "Paris.\nRome."),
        ("- Paris [1]\n- Rome", "- Paris\n- Rome"),
        ("[1]", ""),
        ("a [b] c", "a [b] c"),
    ],
)
def test_text_without_citations(text, plain):
    assert without_citations(text) == plain


def test_invented_citations():
    assert invented_citations("Yes [0][1][3], [3, 2].", 2) == [0, 3, 3]
    assert invented_share("Yes [0][1][3], [3, 2].", 2) == 0.6
    assert invented_share("Yes [1].", 2) == 0
    assert invented_share("Yes [1].", 0) == 1
    assert invented_share("Yes.", 2) is None


PASSAGES = ["height", "river", "noise", "height and river"]


def words_are_covered(sentence, passages):
    """Stands in for entailment: every word that some passage could hold is in one of the given passages."""
    assert "[" not in sentence
    claimed = {word for word in ("height", "river", "snow") if word in sentence}
    return claimed <= set(" ".join(passages).split())


@pytest.mark.parametrize(
    ("answer", "sentences", "supported", "citations", "relevant"),
    [
        ("The height [1].", 1, 1, 1, 1),
        ("The height [2].", 1, 0, 1, 0),
        ("The height.", 1, 0, 0, 0),
        ("The height and river [1][2].", 1, 1, 2, 2),
        ("The height and river [1].", 1, 0, 1, 0),
        ("The height [1][3].", 1, 1, 2, 1),
        ("The height [1][4].", 1, 1, 2, 2),
        ("The height and river [1, 2, 3].", 1, 1, 3, 2),
        ("The height and river [1][2][4].", 1, 1, 3, 1),
        ("The height [1][1].", 1, 1, 1, 1),
        ("The height [1][9].", 1, 0, 2, 0),
        ("The height [1]. The river. [2] The snow [3].", 3, 2, 3, 2),
        ("- height [1]\n- river [1]", 2, 1, 2, 1),
        ("[1]", 1, 0, 1, 0),
        ("", 0, 0, 0, 0),
    ],
)
def test_citation_counts(answer, sentences, supported, citations, relevant):
    expected = CitationScore(sentences, supported, citations, relevant)
    assert score_citations(answer, PASSAGES, words_are_covered) == expected


def test_a_citation_that_others_make_needless_is_irrelevant():
    """ALCE: of [2][4][5] the last two entail the statement together only, and [2] does not: precision 2/3."""

    def supports(sentence, passages):
        return {"four", "five"} <= set(passages)

    score = score_citations("A statement [2][4][5].", ["one", "two", "three", "four", "five"], supports)
    assert (score.recall, score.precision) == (1, pytest.approx(2 / 3))


def test_shares_are_defined_without_sentences_or_citations():
    assert CitationScore(4, 3, 5, 2).recall == 0.75
    assert CitationScore(4, 3, 5, 2).precision == 0.4
    assert CitationScore(0, 0, 0, 0).recall == CitationScore(1, 0, 0, 0).precision == 0


def test_support_is_asked_for_existing_passages_only():
    asked = []

    def supports(sentence, passages):
        asked.append((sentence, list(passages)))
        return True

    score_citations("No citation. Good [2]. Invented [3]. Zero [0]. [1]", ["p1", "p2"], supports)
    assert asked == [("Good.", ["p2"])]


@pytest.mark.parametrize("text", ["[1" * 20_000, "[1, " * 20_000, " " * 50_000 + "x", "[" * 50_000, "[1] " * 20_000])
@pytest.mark.timeout(10)
def test_odd_texts_are_quick(text):
    assert len(without_citations(text)) <= len(text)
