"""Everything wrong with a file or its data is said before any training."""

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_finetuning import write_definition, write_rows

from bakeoff.cli import main
from bakeoff.errors import InputError
from bakeoff.finetuning.definition import load_definition
from bakeoff.finetuning.examples import Example, read_examples
from bakeoff.finetuning.run import open_encoder, prepare
from bakeoff.finetuning.split import near_duplicates, split
from bakeoff.models.base import Message


def refusal(folder: Path, **changes: Any) -> str:
    definition = load_definition(write_definition(folder, **changes))
    with pytest.raises(InputError) as raised:
        prepare(definition, open_encoder(definition.base, print))
    return str(raised.value)


def change_rows(folder: Path, change: dict[int, Any]) -> None:
    """Replace lines of train.jsonl (from 0): fields of the row, or the whole line where it is a text."""
    path = write_rows(folder / "train.jsonl", 40)
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, value in change.items():
        lines[number] = value if isinstance(value, str) else json.dumps(json.loads(lines[number]) | value)
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.usefixtures("tiny")
def test_empty_and_three_rows(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("\n", encoding="utf-8")
    assert "has 0 rows: at least 20 are needed" in refusal(tmp_path)
    write_rows(tmp_path / "train.jsonl", 3)
    assert "has 3 rows" in refusal(tmp_path)


@pytest.mark.usefixtures("tiny")
def test_rows_of_the_test_set(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "train.jsonl", 40).read_text(encoding="utf-8").splitlines()
    stolen = json.loads(rows[7])
    stolen |= {"id": "t1", "message": stolen["message"].upper() + "!"}
    (tmp_path / "test.jsonl").write_text(json.dumps(stolen) + "\n", encoding="utf-8")
    said = refusal(tmp_path, test="test.jsonl")
    assert "the test would prove nothing" in said
    assert "r7 (line 8) is t1 (line 1)" in said


@pytest.mark.usefixtures("tiny")
def test_each_bad_row_is_named(tmp_path: Path) -> None:
    change_rows(
        tmp_path,
        {
            0: "{not json",
            1: "[1]",
            2: {"message": " "},
            3: {"answer": 7},
            4: {"answer": "no JSON"},
            5: {"answer": '{"second": 1}'},
            6: {"id": "r9"},
            7: json.dumps({"id": "x", "text": "abc", "answer": "{}"}),
        },
    )
    (tmp_path / "schema.json").write_text('{"type": "object", "required": ["first"]}', encoding="utf-8")
    said = refusal(tmp_path, answer_schema="schema.json")
    for part in (
        "line 1: not valid JSON",
        "line 2: not a JSON object",
        "line 3: question is ' '",
        "line 4: answer is 7",
        "line 5: the answer is not valid JSON",
        "line 6: the answer does not follow answer_schema: 'first' is a required property",
        "line 8: has no column 'message', which question is mapped to; it has id, text, answer",
        "line 10: has the id of line 7",
    ):
        assert part in said


@pytest.mark.usefixtures("tiny")
def test_rows_longer_than_the_context(tmp_path: Path) -> None:
    change_rows(tmp_path, {4: {"message": "a b c d " * 40}})
    said = refusal(tmp_path)
    assert "1 rows are longer than max_length, 128 tokens" in said
    assert "line 5 (r4)" in said


def test_the_same_conversation_twice(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 30).read_text(encoding="utf-8").splitlines()
    twice = json.dumps(json.loads(rows[0]) | {"id": "again"})
    (tmp_path / "rows.jsonl").write_text("\n".join([*rows, twice]), encoding="utf-8")
    mapping = {"question": "${data.message}", "answer": "${data.answer}"}
    with pytest.raises(InputError, match="line 31: has the conversation of line 1"):
        read_examples(tmp_path / "rows.jsonl", mapping)


def test_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_definition(tmp_path, adapter={"rank": 0}, training={"epoch": 3})
    assert main(["finetune", str(tmp_path / "finetune.yaml"), "--check"]) == 1
    said = capsys.readouterr().err
    assert "adapter.rank: 0 is less than the minimum of 1" in said
    assert "'epoch' was unexpected" in said
    write_definition(tmp_path, data="none.jsonl")
    assert main(["finetune", str(tmp_path / "finetune.yaml"), "--check"]) == 1
    assert "none.jsonl does not exist" in capsys.readouterr().err


def test_near_duplicates_stay_on_one_side() -> None:
    texts = [f"Please cancel booking {code} and refund me." for code in ("ABCDEF", "GHIJKL", "MNOPQR")]
    texts += ["When does check-in open for the ferry?", "My bag was lost in Vastholm yesterday."]
    assert sorted(near_duplicates(texts)) == [[0, 1, 2], [3], [4]]
    examples = [Example(str(i), i, (Message("user", text),), "a") for i, text in enumerate(texts)]
    for seed in range(8):
        train, validation = split(examples, 0.2, seed)
        sides = [{e.id for e in side} for side in (train, validation)]
        assert sides[1]
        assert {"0", "1", "2"} <= sides[0] or {"0", "1", "2"} <= sides[1]
    with pytest.raises(InputError, match="near-duplicates of one another"):
        split(examples[:3], 0.2, 0)
