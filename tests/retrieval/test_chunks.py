import random
import re
import string
from itertools import pairwise

import pytest

from bakeoff.errors import InputError
from bakeoff.retrieval.chunks import Chunk, chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.sections import Section
from bakeoff.retrieval.tables import is_table, pipe_table


def words(text: str) -> int:
    return len(text.split())


def pieces(text: str) -> int:
    """A tokenizer that, like real ones, splits words, counts punctuation and adds two special tokens."""
    return 2 + sum((len(piece) + 3) // 4 for piece in re.findall(r"\w+|[^\w\s]", text))


def _document(*sections: Section, title: str = "Guide") -> Document:
    return Document("guide.md", title, "", sections)


def _sentences(count: int, length: int = 8) -> str:
    return " ".join(" ".join(f"w{n}x{i}" for i in range(length - 1)).capitalize() + " end." for n in range(count))


def test_a_short_section_is_one_chunk_with_its_provenance():
    document = _document(Section(("Bags", "Fees"), 3, "Twenty euros."))
    (found,) = chunk(document, words)
    assert (found.document, found.heading_path, found.page, found.start) == ("guide.md", ("Bags", "Fees"), 3, 0)
    assert found.text == "Twenty euros."
    assert found.embedding_text == "Guide > Bags > Fees\n\nTwenty euros."
    assert found.tokens == words(found.embedding_text)
    assert found.embedding_texts == [found.embedding_text]


def test_a_title_that_is_the_top_heading_is_said_once():
    (found,) = chunk(_document(Section(("Guide", "Fees"), None, "x")), words)
    assert found.context == "Guide > Fees"


def test_a_long_context_loses_its_outer_headings():
    document = _document(Section(("many words " * 10, "Fees"), None, "Twenty euros."))
    (found,) = chunk(document, words, max_tokens=40, overlap=0)
    assert found.context == "Fees"


def test_paragraphs_are_kept_whole_where_they_fit():
    first, second, third = (_sentences(3) + f" P{n}." for n in range(3))
    found = chunk(_document(Section((), None, f"{first}\n\n{second}\n\n{third}")), words, max_tokens=60, overlap=0)
    assert [c.text for c in found] == [f"{first}\n\n{second}", third]


def test_long_paragraphs_are_cut_between_sentences_and_overlap_by_whole_ones():
    text = _sentences(20)
    found = chunk(_document(Section((), None, text)), words, max_tokens=41, overlap=10)
    assert all(c.text.endswith("end.") and c.text[0] == "W" for c in found)
    for before, after in pairwise(found):
        repeated = before.start + len(before.text) - after.start
        assert words(text[after.start : after.start + repeated]) == 8


def test_long_sentences_are_cut_between_words():
    text = " ".join(f"word{n}" for n in range(100))
    found = chunk(_document(Section((), None, text)), words, max_tokens=21, overlap=5)
    assert [c.tokens for c in found[:-1]] == [21] * (len(found) - 1)
    assert found[1].text.split()[:6] == [f"word{n}" for n in range(15, 21)]


def test_text_without_spaces_is_cut_all_the_same():
    found = chunk(_document(Section((), None, "x" * 1000)), pieces, max_tokens=40, overlap=0)
    assert "".join(c.text for c in found) == "x" * 1000
    assert all(c.tokens <= 40 for c in found)


def test_one_token_for_a_long_run_of_letters_does_not_make_a_giant_chunk():
    found = chunk(_document(Section((), None, "x" * 5000)), words, max_tokens=20, overlap=0)
    assert max(len(c.text) for c in found) <= 500


def test_long_tables_are_cut_between_rows_with_the_header_repeated():
    table = pipe_table([["Bag", "Fee"], *([f"bag{n}", f"{n} EUR"] for n in range(30))])
    document = _document(Section((), None, f"Intro.\n\n{table}\n\nAfterwards."))
    found = chunk(document, words, max_tokens=60)
    assert len(found) > 3
    rows = []
    for c in found:
        block = next(block for block in c.text.split("\n\n") if block.startswith("|"))
        assert is_table(block)
        assert block.startswith("| Bag | Fee |\n| --- | --- |\n")
        rows += block.split("\n")[2:]
        assert document.text[c.start :].startswith(("Intro.", "| bag"))
    assert rows == table.split("\n")[2:]
    assert found[-1].text.endswith("\n\nAfterwards.")


def test_a_row_too_long_for_its_header_is_cut_too():
    table = pipe_table([["A", "B"], ["1", "2"], ["3", " ".join(["word"] * 50)]])
    found = chunk(_document(Section((), None, table)), words, max_tokens=30, overlap=0)
    assert all(c.tokens <= 30 for c in found)
    assert sum(c.text.count("word") for c in found) == 50


def test_small_siblings_are_joined_under_their_headings():
    sections = (Section(("FAQ", "Pets?"), None, "Yes."), Section(("FAQ", "Bikes?"), None, "No."))
    (found,) = chunk(_document(*sections), words)
    assert (found.heading_path, found.text) == (("FAQ",), "Pets?\nYes.\n\nBikes?\nNo.")


def test_a_small_introduction_joins_the_section_below_it():
    sections = (Section(("FAQ",), None, "Intro."), Section(("FAQ", "Bikes?"), None, _sentences(10)))
    (found,) = chunk(_document(*sections), words)
    assert found.heading_path == ("FAQ",)
    assert found.text.startswith("Intro.\n\nBikes?\nW0x0")


@pytest.mark.parametrize(
    "other",
    [
        Section(("FAQ", "Bikes?"), 2, "No."),  # another page
        Section(("Fees", "Bags"), 1, "Ten."),  # a cousin
        Section(("FAQ", "Bikes?"), 1, _sentences(10)),  # a sibling long enough
    ],
)
def test_other_sections_are_not_joined(other: Section):
    assert len(chunk(_document(Section(("FAQ", "Pets?"), 1, "Yes."), other), words)) == 2


def test_ids_are_stable_against_edits_elsewhere():
    sections = [Section((f"H{n}",), None, _sentences(10)) for n in range(3)]
    before = [c.id for c in chunk(_document(*sections), words)]
    after = [c.id for c in chunk(_document(Section(("H0",), None, "New. " * 30), *sections[1:]), words)]
    assert after[-2:] == before[-2:]
    assert after[0] != before[0]
    assert len(set(before)) == 3


def test_equal_passages_have_different_ids():
    ids = [c.id for c in chunk(_document(*[Section(("H",), None, _sentences(10))] * 3), words)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("limits", [(15, 0), (100, 51), (100, -1)])
def test_limits_out_of_range_are_errors(limits: tuple[int, int]):
    with pytest.raises(InputError, match="max_tokens|overlap"):
        chunk(_document(Section((), None, "x")), words, *limits)


def test_a_character_that_fits_nowhere_is_an_error():
    with pytest.raises(InputError, match="single character"):
        chunk(_document(Section((), None, "xyz")), lambda text: 20 * len(text), max_tokens=16, overlap=0)


def _random_section(generator: random.Random) -> Section:
    def word() -> str:
        alphabet = string.ascii_letters + string.digits + ".,;!?|-#é日本。😀"
        return "".join(generator.choices(alphabet, k=generator.choice([1, 3, 6, 9, 200])))

    def paragraph() -> str:
        separators = generator.choices([" ", " ", " ", "\n", ". ", "? ", "\n- "], k=generator.randint(1, 60))
        return "".join(word() + separator for separator in separators)

    def table() -> str:
        rows = [[word(), word(), ""] for _ in range(generator.randint(2, 20))]
        return pipe_table(rows)

    blocks = [generator.choice([paragraph, paragraph, table])() for _ in range(generator.randint(0, 6))]
    path = tuple(generator.choice("ABC") * generator.choice([1, 1, 90]) for _ in range(generator.randint(0, 3)))
    return Section(path, generator.choice([None, None, 1, 2]), "\n\n".join(blocks))


def _covered(document: Document, chunks: list[Chunk]) -> list[bool]:
    """For each character of the document's text whether a chunk has it at that place."""
    covered = [False] * len(document.text)
    for c in chunks:
        without_header = c.text.split("\n", 2)[-1]
        text = next((t for t in (c.text, without_header) if document.text.startswith(t, c.start)), None)
        if text is not None:
            covered[c.start : c.start + len(text)] = [True] * len(text)
            continue
        offset = 0  # joined sections: each of them is there as a whole
        for section in document.sections:
            if offset >= c.start and section.text.strip() in c.text:
                covered[offset : offset + len(section.text)] = [True] * len(section.text)
            elif offset >= c.start:
                break
            offset += len(section.text) + 2
    return covered


def test_tables_are_embedded_without_their_marks_and_row_by_row():
    table = pipe_table([["Fare", "Bags | pets"], ["Saver", "0"], ["Flex", "2"]])
    lone = pipe_table([["Desk", "Opens"], ["Brennick", "06:00"]])
    document = _document(Section(("Bags", "Fees"), None, f"By fare:\n\n{table}\n\nA | B means either.\n\n{lone}"))
    (found,) = chunk(document, words)
    assert table in found.text
    assert found.embedding_texts == [
        "Guide > Bags > Fees\n\nBy fare:\n\nFare Bags \\| pets\nSaver 0\nFlex 2\n\nA | B means either.\n\n"
        "Desk Opens\nBrennick 06:00",
        "Guide > Bags > Fees\n\nFare Bags \\| pets\nSaver 0",
        "Guide > Bags > Fees\n\nFare Bags \\| pets\nFlex 2",
    ]


@pytest.mark.parametrize("seed", range(60))
def test_random_documents_lose_nothing_and_keep_the_limits(seed: int):
    generator = random.Random(seed)
    document = _document(*[_random_section(generator) for _ in range(generator.randint(1, 8))])
    count = generator.choice([words, pieces])
    max_tokens = generator.choice([16, 30, 64, 200])
    overlap = generator.choice([0, max_tokens // 6, max_tokens // 2])
    chunks = chunk(document, count, max_tokens, overlap)
    assert chunks == chunk(document, count, max_tokens, overlap)
    assert len({c.id for c in chunks}) == len(chunks)
    assert [c.start for c in chunks] == sorted(c.start for c in chunks)
    for c in chunks:
        assert c.text.strip() == c.text != ""
        assert c.tokens == count(f"{c.context}\n\n{c.text}" if c.context else c.text) <= max_tokens
    covered = zip(_covered(document, chunks), document.text, strict=True)
    assert all(seen or char.isspace() for seen, char in covered)
