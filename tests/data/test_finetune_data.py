"""data/finetune: form, balance, entities that are in the message, and no training row in the test."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bakeoff.finetuning.examples import read_examples
from bakeoff.finetuning.split import check_leakage
from bakeoff.metrics.extract import ENTITIES, INTENTS, URGENCIES, problem_of

FOLDER = Path(__file__).parents[2] / "data" / "finetune"
TRAIN, TEST = FOLDER / "train.jsonl", FOLDER / "test.jsonl"
SCHEMA = json.loads((FOLDER / "answer.schema.json").read_text(encoding="utf-8"))
MAPPING = {"question": "${data.message}", "answer": "${data.answer}"}


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_schema_and_metrics_agree() -> None:
    properties = SCHEMA["properties"]
    assert tuple(properties["intent"]["enum"]) == INTENTS
    assert tuple(properties["entities"]["properties"]) == ENTITIES
    assert tuple(properties["urgency"]["enum"]) == URGENCIES


@pytest.mark.parametrize("path", [TRAIN, TEST])
def test_answers_are_strict_and_their_entities_stand_in_the_message(path: Path) -> None:
    validator = Draft202012Validator(SCHEMA)
    for row in rows(path):
        answer = json.loads(row["answer"])
        validator.validate(answer)
        assert problem_of(answer) == ""
        assert list(answer["entities"]) == [name for name in ENTITIES if name in answer["entities"]]
        assert [value for value in answer["entities"].values() if value not in row["message"]] == [], row["id"]


def test_balance() -> None:
    assert set(Counter(json.loads(row["answer"])["intent"] for row in rows(TRAIN)).values()) == {64}
    held_out = rows(TEST)
    counts = Counter(json.loads(row["answer"])["intent"] for row in held_out)
    assert len(held_out) == 150
    assert set(counts) == set(INTENTS)
    assert min(counts.values()) >= 12
    assert Counter(row["category"] for row in held_out) == {"plain": 114, "ambiguous": 19, "adversarial": 17}


def test_no_training_row_is_nearly_a_test_row() -> None:
    train, test = (read_examples(path, MAPPING, SCHEMA) for path in (TRAIN, TEST))
    check_leakage(train, test, TRAIN, TEST)
    codes = [{json.loads(row["answer"])["entities"].get("booking") for row in rows(path)} for path in (TRAIN, TEST)]
    assert codes[0] & codes[1] <= {None}


def test_the_generator_gives_these_bytes(tmp_path: Path) -> None:
    copied = tmp_path / "generator"
    copied.mkdir()
    for file in (FOLDER / "generator").glob("*.py"):
        (copied / file.name).write_bytes(file.read_bytes())
    subprocess.run([sys.executable, copied / "make_train.py"], check=True)
    assert (tmp_path / "train.jsonl").read_bytes() == TRAIN.read_bytes()
