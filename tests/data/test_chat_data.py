"""The promises that data/chat/README.md makes about questions.jsonl."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "data" / "chat"
COLUMNS = ["id", "category", "question", "chat_history", "ground_truth", "aliases"]
CATEGORIES = ["facts", "arithmetic", "summarise", "rewrite", "classify", "extract", "multi-turn"]
EXACT_CATEGORIES = {"facts", "arithmetic", "classify", "extract", "multi-turn"}
FIRST_QUESTION = "What is the capital of France?"

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line) for line in (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


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


def contains(text: str, phrase: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(phrase.lower())}(?!\w)", text.lower()) is not None


def test_file_is_plain_utf8_lines() -> None:
    content = (FOLDER / "questions.jsonl").read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert content.endswith(b"}\n")
    assert b"\n\n" not in content


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
    assert set(counts) == set(CATEGORIES)
    assert min(counts.values()) >= 20
    assert len(rows) >= 150


def test_history_has_the_prompt_flow_format(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if not isinstance(row["chat_history"], list)] == []
    assert [row["id"] for row in rows if not all(is_turn(turn) for turn in row["chat_history"])] == []


def test_only_multi_turn_rows_have_a_history(rows: list[Row]) -> None:
    for row in rows:
        turns = len(row["chat_history"])
        assert (1 <= turns <= 3) if row["category"] == "multi-turn" else turns == 0, row["id"]


def test_questions_are_short(rows: list[Row]) -> None:
    assert [row["id"] for row in rows if len(row["question"].split()) >= 120] == []


def test_exactly_scored_questions_say_the_form_of_the_answer(rows: list[Row]) -> None:
    silent = [
        row["question"]
        for row in rows
        if row["category"] in EXACT_CATEGORIES and not re.search(r"\b(Answer|Reply) with\b", row["question"])
    ]
    assert silent == [FIRST_QUESTION]


def test_facts_and_arithmetic_do_not_leak_their_answer(rows: list[Row]) -> None:
    leaks = [
        (row["id"], answer)
        for row in rows
        if row["category"] in ("facts", "arithmetic")
        for answer in (row["ground_truth"], *row["aliases"])
        if contains(row["question"], answer)
    ]
    assert leaks == []


def test_extracted_answers_stand_in_the_question(rows: list[Row]) -> None:
    missing = [
        (row["id"], part)
        for row in rows
        if row["category"] == "extract" and not row["ground_truth"].startswith("{")
        for part in row["ground_truth"].split(", ")
        if not contains(row["question"], part)
    ]
    assert missing == []


def test_one_word_answers_are_one_word(rows: list[Row]) -> None:
    asked = [row for row in rows if "Answer with one word" in row["question"]]
    assert asked
    assert [row["id"] for row in asked if len(row["ground_truth"].split()) != 1] == []


def test_capital_of_france_is_there(rows: list[Row]) -> None:
    assert [row["ground_truth"] for row in rows if row["question"] == FIRST_QUESTION] == ["Paris"]


def test_readme_counts_are_those_of_the_file(rows: list[Row]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = {name: int(count) for name, count in re.findall(r"^\| ([a-z-]+) \| (\d+) \|", readme, re.MULTILINE)}
    counts = Counter(row["category"] for row in rows)
    assert table == {**counts, "total": len(rows)}
    assert f"\n{len(rows)} short questions" in readme
    assert f"\n- {min(counts.values())} to {max(counts.values())} rows a category" in readme
