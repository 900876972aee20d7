"""The promises that data/rag/README.md makes about groundedness.jsonl."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "data" / "rag"
COLUMNS = ["id", "split", "question", "sentence", "passages", "supported", "kind"]
LABELS = {
    "copied": {True},
    "paraphrase": {True},
    "joined": {True, False},
    "short_value": {True, False},
    "twin": {True, False},
    "wrong_number": {False},
    "wrong_entity": {False},
    "added_detail": {False},
    "negated": {False},
    "off_topic": {False},
}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line) for line in (FOLDER / "groundedness.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def sections() -> set[tuple[str, str]]:
    found = set()
    for path in (FOLDER / "articles").glob("*.md"):
        title, *headings = re.findall(r"^#{1,2} (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        found |= {(f"articles/{path.name}", heading) for heading in (title, *(f"{title} > {h}" for h in headings))}
    return found


def test_every_row_has_exactly_the_columns(rows: list[Row]) -> None:
    assert [row for row in rows if list(row) != COLUMNS] == []
    for row in rows:
        assert all(row[field] and row[field] == row[field].strip() for field in ("id", "question", "sentence")), row
        assert type(row["supported"]) is bool, row["id"]
        assert row["supported"] in LABELS[row["kind"]], row["id"]


def test_ids_and_rows_come_once(rows: list[Row]) -> None:
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(re.fullmatch(rf"{row['split']}-\d{{3}}", row["id"]) for row in rows)
    assert len({(row["sentence"], row["question"], json.dumps(row["passages"])) for row in rows}) == len(rows)


def test_there_are_100_test_rows_and_60_for_calibration_each_balanced(rows: list[Row]) -> None:
    splits = Counter(row["split"] for row in rows)
    assert splits["test"] == 100
    assert splits["calibration"] >= 60
    assert set(splits) == {"test", "calibration"}
    for split, count in splits.items():
        supported = sum(row["supported"] for row in rows if row["split"] == split)
        assert 0.4 <= supported / count <= 0.6, split


def test_every_kind_and_label_is_in_both_splits(rows: list[Row]) -> None:
    wanted = {(kind, label) for kind, labels in LABELS.items() for label in labels}
    for split in ("calibration", "test"):
        assert {(row["kind"], row["supported"]) for row in rows if row["split"] == split} == wanted, split


def test_passages_are_sections_of_articles(rows: list[Row], sections: set[tuple[str, str]]) -> None:
    for row in rows:
        assert row["passages"], row["id"]
        assert all(list(passage) == ["document", "heading"] for passage in row["passages"]), row["id"]
        assert {(passage["document"], passage["heading"]) for passage in row["passages"]} <= sections, row["id"]


def test_no_article_is_in_both_splits(rows: list[Row]) -> None:
    documents = {
        split: {passage["document"] for row in rows if row["split"] == split for passage in row["passages"]}
        for split in ("calibration", "test")
    }
    assert documents["calibration"] & documents["test"] == set()


def test_readme_counts_are_those_of_the_file(rows: list[Row]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    counts = Counter((row["split"], row["supported"]) for row in rows)
    told = re.findall(r"^\| (calibration|test) rows \| (\d+) \| (\d+) \|$", readme, re.MULTILINE)
    assert {(split, True): int(yes) for split, yes, _ in told} | {
        (split, False): int(no) for split, _, no in told
    } == dict(counts)
