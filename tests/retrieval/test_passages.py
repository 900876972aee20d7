from bakeoff.models.base import Message
from bakeoff.retrieval.citing import attribute, check_citations
from bakeoff.retrieval.engine import Hit
from bakeoff.retrieval.follow_up import joined_question
from bakeoff.retrieval.passages import evidence, pack, passage_text, passages_text, shown, to_records


def record(text: str, number: int | None = None, page: int | None = None) -> dict:
    (made,) = to_records([Hit("1", "a.md", ("A", "B"), page, "A > B", text, 0.5, 0.7)])
    return made | {"number": number}


def test_records_are_json_and_not_numbered():
    assert record("text") == {
        "number": None,
        "id": "1",
        "document": "a.md",
        "heading_path": ["A", "B"],
        "page": None,
        "context": "A > B",
        "text": "text",
        "score": 0.5,
        "similarity": 0.7,
    }


def test_packing_skips_what_does_not_fit_and_takes_what_does():
    def words(text: str) -> int:
        return len(text.split())

    small, large = record("one two"), record("word " * 100)
    size = words(passage_text({**small, "number": 1}))
    packed = pack([small, large, small, small], words, 2 * size, 3)
    assert [r["number"] for r in packed] == [1, None, 2, None]
    assert [r["number"] for r in pack([small] * 4, words, 1000, 2)] == [1, 2, None, None]


def test_the_first_passage_is_always_shown():
    assert [r["number"] for r in pack([record("word " * 100)] * 2, len, 10, 3)] == [1, None]


def test_a_passage_says_where_it_is_from():
    assert (
        passage_text(record("text", 2, page=4)) == '<passage number="2" from="a.md, page 4: A > B">\ntext\n</passage>'
    )
    text = passages_text([record("b", 2), record("x"), record("a", 1)])
    assert text.startswith('<passage number="2"')
    assert '\n\n<passage number="1"' in text
    assert [r["text"] for r in shown([record("b", 2), record("x"), record("a", 1)])] == ["a", "b"]
    assert evidence(record("text")) == "A > B\n\ntext"


def test_notes_of_a_source_are_no_citations():
    assert "\nIn 1990.(12) See (3, 4) and [a].\n" in passage_text(record("In 1990.[12] See [3, 4] and [a].", 1))


def test_citations_are_checked():
    passages = [record("a", 1), record("b", 2), record("c")]
    assert check_citations("One [2]. Two [3][2].", passages, "model").to_dict() == {
        "cited": [2, 3],
        "invented": [3],
        "source": "model",
    }
    assert check_citations("One.", passages, "model").source == "none"


def test_sentences_get_the_first_passage_that_supports_them():
    passages = [record("red", 1), record("blue", 2)]

    def supports(sentence: str, texts: list[str]) -> bool:
        return any(word in texts[0] for word in sentence.lower().rstrip(".").split())

    answer = "It is blue.  It is green.\nIt is red."
    assert attribute(answer, passages, supports) == "It is blue. [2]  It is green.\nIt is red. [1]"
    assert attribute("I don't know.", passages, lambda *_: True) == "I don't know."


def test_a_follow_up_is_searched_with_the_questions_before_it_and_the_last_answer():
    conversation = [
        Message("user", "First?"),
        Message("assistant", "First."),
        Message("user", "Old?"),
        Message("assistant", "Old."),
        Message("user", "How heavy may a bag be?"),
        Message("assistant", "8 kg."),
        Message("user", "And on a train?"),
    ]
    assert joined_question(conversation) == "And on a train? How heavy may a bag be? Old? 8 kg."
    assert joined_question(conversation[-1:]) == "And on a train?"
