"""The promises that data/retrieval/README.md makes."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from article_sections import sections_of

FOLDER = Path(__file__).parents[2] / "data" / "retrieval"
COLUMNS = ["id", "category", "question", "chat_history", "ground_truth", "gold"]
COUNTS = {"single_hop": 30, "table": 20, "multi_hop": 28, "conversational": 12}
GOLD = {"multi_hop": {2, 3}}

NAMES = sorted(path.parent.name for path in FOLDER.glob("*/questions.jsonl"))


def rows_of(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / name / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_readme_counts_the_folders_and_their_questions():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \| .+ \| (\d+) \| (\d+) \|$", readme, re.MULTILINE)
    counted = [
        (name, str(len(list((FOLDER / name / "articles").glob("*.md")))), str(len(rows_of(name)))) for name in NAMES
    ]
    assert sorted(table) == counted
    assert f"{sum(len(rows_of(name)) for name in NAMES)} questions" in readme


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_the_columns_and_come_once(name: str):
    rows = rows_of(name)
    assert Counter(row["category"] for row in rows) == COUNTS
    for row in rows:
        assert list(row) == COLUMNS, row["id"]
        assert re.fullmatch(rf"{row['category']}-\d{{3}}", row["id"])
        assert all(row[field].strip() for field in ("question", "ground_truth")), row["id"]
        assert bool(row["chat_history"]) == (row["category"] == "conversational"), row["id"]
        turns = row["chat_history"]
        assert all(turn["inputs"]["question"].strip() for turn in turns), row["id"]
        assert all(turn["outputs"]["answer"].strip() for turn in turns), row["id"]
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({(row["question"], json.dumps(row["chat_history"])) for row in rows}) == len(rows)


@pytest.mark.parametrize("name", NAMES)
def test_gold_sections_exist_and_tables_are_there(name: str):
    sections = sections_of(FOLDER / name)
    for row in rows_of(name):
        gold = [(passage["document"], passage["heading"]) for passage in row["gold"]]
        assert set(gold) <= sections.keys(), row["id"]
        assert len(set(gold)) == len(gold), row["id"]
        assert len(gold) in GOLD.get(row["category"], {1}), row["id"]
        if row["category"] == "table":
            assert "\n|---" in sections[gold[0]], row["id"]
