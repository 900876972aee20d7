"""The promises that data/rag/README.md makes about the articles and questions.jsonl."""

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from article_sections import Section, sections_of

FOLDER = Path(__file__).parents[2] / "data" / "rag"
COLUMNS = ["id", "category", "question", "chat_history", "ground_truth", "aliases", "gold", "answerable"]
LEAST_ROWS = {"single_hop": 80, "multi_hop": 35, "table": 35, "conversational": 30, "unanswerable": 40}
NOT_KNOWN = "I don't know."

# Key words of which no section may hold all: if one did, the question might have an answer after all.
ABSENT = {
    "unanswerable-001": "bitcoin",
    "unanswerable-002": "play room & lounge",
    "unanswerable-003": "quillhaven & shuttle",
    "unanswerable-004": "quillhaven & park",
    "unanswerable-005": "marenne",
    "unanswerable-006": "brennick - port liria",
    "unanswerable-007": "carbon",
    "unanswerable-008": "smok",
    "unanswerable-009": "chief executive",
    "unanswerable-010": "founded",
    "unanswerable-011": "employees",
    "unanswerable-012": "transfer & points & hotel",
    "unanswerable-013": "2027",
    "unanswerable-014": "2024",
    "unanswerable-015": "cargo & dorvale",
    "unanswerable-016": "vet & sea holly",
    "unanswerable-017": "hospital & kesh amar",
    "unanswerable-018": "km/h",
    "unanswerable-019": "film",
    "unanswerable-020": "massage",
    "unanswerable-021": "pool & hotel",
    "unanswerable-022": "vastholm weekend & hotel",
    "unanswerable-023": "firearm & sundara",
    "unanswerable-024": "malaria",
    "unanswerable-025": "phone number & baggage line",
    "unanswerable-026": "wheelchair & hire",
    "unanswerable-027": "lost & ferry & boarding pass",
    "unanswerable-028": "coastal & socket",
    "unanswerable-029": "without a ticket",
    "unanswerable-030": "taxi & aldermoor",
    "unanswerable-031": "rookwood & tyres",
    "unanswerable-032": "insurance & pets",
    "unanswerable-033": "cruise",
    "unanswerable-034": "chocolate",
    "unanswerable-035": "at most & password",
    "unanswerable-036": "employees",
    "unanswerable-037": "soldier",
    "unanswerable-038": "guided",
    "unanswerable-039": "watch",
    "unanswerable-040": "city tax & vastholm",
    "unanswerable-041": "2027",
    "unanswerable-042": "lost property",
    "unanswerable-043": "tunnel & metres",
    "unanswerable-044": "charter flight",
    "unanswerable-045": "tickets & opera & sell",
    "unanswerable-046": "locker & aldermoor",
    "unanswerable-047": "married",
    "unanswerable-048": "escort & night train",
    "unanswerable-049": "shuttle & compensation",
    "unanswerable-050": "windscreen",
}

# The sums behind answers that stand in no article; their numbers stand in a gold section or in the question.
COMPUTED = {
    "multi_hop-007": "40 + 8",
    "multi_hop-008": "24 + 6",
    "multi_hop-009": "31 + 10",
    "multi_hop-010": "79 + 46",
    "multi_hop-011": "24 + 58 + 16",
    "multi_hop-012": "24 + 29",
    "multi_hop-013": "55 + 10 + 6",
    "multi_hop-014": "20 + 25",
    "multi_hop-018": "14 + 24",
    "multi_hop-019": "19 + 31",
    "multi_hop-020": "14,000 - 12,000",
    "multi_hop-021": "5,000 - 4,000",
    "multi_hop-022": "24 - 18",
    "multi_hop-023": "3 - 2",
    "multi_hop-024": "48 - 35",
    "multi_hop-025": "35 + 65",
    "multi_hop-029": "8 - 5",
    "multi_hop-030": "45 - 30",
    "multi_hop-031": "60 - 40",
    "multi_hop-032": "16 - 12",
    "multi_hop-033": "9 - 8",
    "multi_hop-034": "8 - 6",
    "multi_hop-035": "80 - 65",
    "multi_hop-036": "34 - 34 x 30%",
    "multi_hop-037": "200 x 4 + 200 x 4 x 50%",
    "multi_hop-038": "16 + 32",
    "multi_hop-043": "520 x 60%",
}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line) for line in (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def articles() -> dict[str, str]:
    """The text of each article by its path below data/rag."""
    return {f"articles/{path.name}": path.read_text(encoding="utf-8") for path in (FOLDER / "articles").glob("*.md")}


@pytest.fixture(scope="module")
def sections() -> dict[Section, str]:
    return sections_of(FOLDER)


def gold_texts(row: Row, sections: dict[Section, str]) -> list[str]:
    return [sections[passage["document"], passage["heading"]] for passage in row["gold"]]


def is_clean(value: object) -> bool:
    """A non-empty string without blanks around it and without a chat template's control tokens."""
    return isinstance(value, str) and value != "" and value == value.strip() and "<|" not in value


def is_turn(turn: object) -> bool:
    match turn:
        case {
            "inputs": {"question": question, **other_inputs},
            "outputs": {"answer": answer, **other_outputs},
            **others,
        }:
            return not (other_inputs or other_outputs or others) and is_clean(question) and is_clean(answer)
    return False


def plain(text: str) -> str:
    return " ".join(text.lower().split())


def contains(text: str, phrase: str) -> bool:
    """Whether the phrase stands in the text, and not as a part of a longer word or number."""
    return re.search(rf"(?<![\w.,]){re.escape(plain(phrase))}(?!\w|[.,:]\d)", plain(text)) is not None


def count_words(text: str) -> int:
    """How many words, without the bars and dashes of tables."""
    return sum(re.search(r"\w", word) is not None for word in text.split())


def factor(text: str) -> Decimal:
    return Decimal(text.rstrip("%").replace(",", "")) / (100 if text.endswith("%") else 1)


def result(expression: str) -> Decimal:
    """The value of numbers joined by ` + `, ` - ` and ` x `, where `x` binds first."""
    total = Decimal(0)
    for sign, product in re.findall(r"(?:^|([+-]) )((?:[\d.,%]+(?: x )?)+)", expression):
        value = Decimal(1)
        for number in product.split(" x "):
            value *= factor(number)
        total += -value if sign == "-" else value
    return total


def test_files_are_plain_utf8(articles: dict[str, str]) -> None:
    for name in ("questions.jsonl", "README.md", *articles):
        content = (FOLDER / name).read_bytes()
        content.decode("utf-8")
        assert not content.startswith(b"\xef\xbb\xbf"), name
        assert b"\r" not in content, name
        assert b"<|" not in content, name
        assert content.endswith(b"\n"), name


def test_there_is_one_row_a_line() -> None:
    content = (FOLDER / "questions.jsonl").read_bytes()
    assert content.endswith(b"}\n")
    assert b"\n\n" not in content


def test_there_are_enough_articles_with_enough_tables(articles: dict[str, str]) -> None:
    assert len(articles) >= 60
    assert sum("\n|---" in text for text in articles.values()) >= 30


def test_articles_have_150_to_450_words(articles: dict[str, str]) -> None:
    words = {name: count_words(text) for name, text in articles.items()}
    assert {name: count for name, count in words.items() if not 150 <= count <= 450} == {}


def test_articles_have_one_title_and_different_headings(articles: dict[str, str]) -> None:
    titles = []
    for name, text in articles.items():
        headings = re.findall(r"^(#+) (.+)$", text, re.MULTILINE)
        assert text.startswith("# "), name
        assert [marks for marks, _ in headings] == ["#", *["##"] * (len(headings) - 1)], name
        assert len(headings) >= 3, name
        assert len(set(headings)) == len(headings), name
        titles.append(headings[0][1])
    assert len(set(titles)) == len(titles)


def test_table_lines_have_as_many_cells_as_their_header(articles: dict[str, str]) -> None:
    for name, text in articles.items():
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({line.count("|") for line in table.splitlines()}) == 1, (name, table)


def test_every_row_has_exactly_the_columns(rows: list[Row]) -> None:
    assert [row for row in rows if list(row) != COLUMNS] == []


def test_text_fields_are_filled(rows: list[Row]) -> None:
    fields = ("id", "category", "question", "ground_truth")
    assert [(row["id"], field) for row in rows for field in fields if not is_clean(row[field])] == []


def test_aliases_are_other_answers(rows: list[Row]) -> None:
    for row in rows:
        answers = [row["ground_truth"], *row["aliases"]]
        assert isinstance(row["aliases"], list), row["id"]
        assert all(is_clean(alias) for alias in row["aliases"]), row["id"]
        assert len(set(answers)) == len(answers), row["id"]


def test_ids_are_unique_and_carry_the_category(rows: list[Row]) -> None:
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert [row["id"] for row in rows if not re.fullmatch(rf"{row['category']}-\d{{3}}", row["id"])] == []


def test_no_question_comes_twice_with_the_same_history(rows: list[Row]) -> None:
    asked = Counter((row["question"].lower(), json.dumps(row["chat_history"]).lower()) for row in rows)
    assert [question for question, times in asked.items() if times > 1] == []


def test_there_are_enough_rows_in_the_known_categories(rows: list[Row]) -> None:
    counts = Counter(row["category"] for row in rows)
    assert set(counts) == set(LEAST_ROWS)
    assert {name: count for name, count in counts.items() if count < LEAST_ROWS[name]} == {}
    assert len(rows) >= 220


def test_only_conversational_rows_have_a_history(rows: list[Row]) -> None:
    for row in rows:
        turns = row["chat_history"]
        assert isinstance(turns, list), row["id"]
        assert all(is_turn(turn) for turn in turns), row["id"]
        assert (1 <= len(turns) <= 2) if row["category"] == "conversational" else turns == [], row["id"]


def test_answers_and_questions_are_short(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if len(row["ground_truth"].split()) > 8] == []
    assert [row["id"] for row in rows if len(row["question"].split()) > 40] == []


def test_gold_sections_exist_and_come_once(rows: list[Row], sections: dict[Section, str]) -> None:
    for row in rows:
        assert all(list(passage) == ["document", "heading"] for passage in row["gold"]), row["id"]
        gold = [(passage["document"], passage["heading"]) for passage in row["gold"]]
        assert [passage for passage in gold if passage not in sections] == [], row["id"]
        assert len(set(gold)) == len(gold), row["id"]


def test_the_number_of_gold_sections_fits_the_category(rows: list[Row]) -> None:
    allowed = {"multi_hop": {2, 3}, "unanswerable": {0}}
    assert [row["id"] for row in rows if len(row["gold"]) not in allowed.get(row["category"], {1})] == []


def test_every_article_holds_an_answer(rows: list[Row], articles: dict[str, str]) -> None:
    assert {passage["document"] for row in rows for passage in row["gold"]} == set(articles)


def test_table_questions_have_a_table_in_their_section(rows: list[Row], sections: dict[Section, str]) -> None:
    asked = [row for row in rows if row["category"] == "table"]
    assert [row["id"] for row in asked if "\n|---" not in gold_texts(row, sections)[0]] == []


def test_answers_stand_in_a_gold_section_or_are_computed(rows: list[Row], sections: dict[Section, str]) -> None:
    missing = [
        (row["id"], row["ground_truth"])
        for row in rows
        if row["answerable"] and row["id"] not in COMPUTED
        if not any(
            contains(text, answer)
            for text in gold_texts(row, sections)
            for answer in (row["ground_truth"], *row["aliases"])
        )
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("expression", "value"), [("24 + 58 + 16", "98"), ("34 - 34 x 30%", "23.8"), ("14,000 - 12,000", "2000")]
)
def test_sums_are_calculated_with_products_first(expression: str, value: str) -> None:
    assert result(expression) == Decimal(value)


def test_computed_answers_follow_from_numbers_in_the_gold_sections(
    rows: list[Row], sections: dict[Section, str]
) -> None:
    computed = [row for row in rows if row["id"] in COMPUTED]
    assert len(computed) == len(COMPUTED)
    for row in computed:
        texts = [*gold_texts(row, sections), row["question"]]
        for number in re.findall(r"[\d.,]+%?", COMPUTED[row["id"]]):
            assert any(contains(text, number) for text in texts), (row["id"], number)
        answer = re.search(r"[\d.,]+", row["ground_truth"])
        assert answer is not None, row["id"]
        assert factor(answer[0]) == result(COMPUTED[row["id"]]), row["id"]


def test_only_unanswerable_rows_are_not_answerable(rows: list[Row]) -> None:
    for row in rows:
        assert row["answerable"] is (row["category"] != "unanswerable"), row["id"]
        assert (row["ground_truth"] == NOT_KNOWN) is not row["answerable"], row["id"]


def test_no_section_holds_the_key_words_of_an_unanswerable_question(
    rows: list[Row], sections: dict[Section, str]
) -> None:
    assert set(ABSENT) == {row["id"] for row in rows if not row["answerable"]}
    texts = {section: plain(f"{section[1]} {text}") for section, text in sections.items()}
    answered = [
        (row_id, section)
        for row_id, words in ABSENT.items()
        for section, text in texts.items()
        if all(word in text for word in words.split(" & "))
    ]
    assert answered == []


def test_readme_counts_are_those_of_the_files(rows: list[Row], articles: dict[str, str]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = {name: int(count) for name, count in re.findall(r"^\| ([a-z_]+) \| (\d+) \|", readme, re.MULTILINE)}
    counts = Counter(row["category"] for row in rows)
    assert table == {**counts, "total": len(rows)}
    tables = sum("\n|---" in text for text in articles.values())
    assert f" {len(rows)} questions" in readme
    words = [count_words(text) for text in articles.values()]
    assert f"{len(articles)} Markdown articles of {min(words)} to {max(words)} words" in readme
    assert f"\n{tables} have a table" in readme
    assert f"{min(counts.values())} to {max(counts.values())} rows a category" in readme
