import codecs
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from promptflow.contracts.tool import ValueType

from bakeoff.errors import InputError
from bakeoff.hosts.promptflow_data import SHOWN, can_be, check_data, check_run

ROOT = Path(__file__).parents[2]
TYPES = {"question": "string", "chat_history": "list", "top": "int", "model": "string"}
MAPPING = {"question": "${data.question}", "chat_history": "${data.history}", "top": "${data.top}", "model": "m"}
ROW: dict[str, Any] = {"question": "Hi", "history": [], "top": 3}


def check(tmp_path: Path, content: bytes) -> int:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    return check_data(path, TYPES, MAPPING)


def line(**changes: Any) -> bytes:
    return json.dumps(ROW | changes).encode() + b"\n"


@pytest.mark.parametrize("folder", ["flows/chat", "evaluations/chat"])
def test_the_projects_own_run_files_can_be_run(folder: str) -> None:
    assert check_run(ROOT / folder / "run.yaml") == 196


def test_rows_are_counted_and_blank_lines_are_not(tmp_path: Path) -> None:
    assert check(tmp_path, line() + b"\n" + line(history="[]", top="3", more="x") + line()) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (codecs.BOM_UTF8 + line(), "line 1: starts with a byte-order mark"),
        (line() + b'{"question": "Hi\n', r"line 2: not valid JSON \(.*column 14\)"),
        (line() + b"\n[1]\n", "line 3: not a JSON object"),
        (line(question="caf\u00e9").replace(b"\\u00e9", b"\xe9"), "line 1: not UTF-8"),
        (line() + b'{"question": "Hi", "top": 1}\n', "line 2: has no 'history'"),
        (line(history={"a": 1}), "line 1: 'history' is not of type list"),
        (line(history=None), "line 1: 'history' is not of type list: 'None'"),
        (line(top="many"), "line 1: 'top' is not of type int: 'many'"),
        (line(question="\ud83d"), "line 1: has half a character"),
        (b"", "there are no rows"),
    ],
)
def test_what_prompt_flow_could_not_run_names_the_line(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check(tmp_path, content)


@pytest.mark.parametrize("type_name", [kind.value for kind in ValueType])
def test_values_fit_a_type_where_prompt_flow_takes_them(type_name: str) -> None:
    for value in ("3", "x", "2.5", "True", "[1]", '{"a": 1}', "", 3, 2.5, True, None, [1], {"a": 1}):
        try:
            ValueType(type_name).parse(value)
            taken = True
        except (TypeError, ValueError):
            taken = False
        assert can_be(type_name, value) == taken, value


def test_every_bad_line_is_named_up_to_a_limit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 2: .*(\n.*)*line 11: .*\n  \.\.\. and 3 more$"):
        check(tmp_path, line() + b"{\n" * (SHOWN + 3))


def test_as_a_command(tmp_path: Path) -> None:
    run = (ROOT / "flows/chat/run.yaml").read_text(encoding="utf-8")
    run = run.replace("flow: .", f"flow: {ROOT / 'flows/chat'}").replace(
        "../../data/chat/questions.jsonl", "rows.jsonl"
    )
    (tmp_path / "run.yaml").write_text(run, encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text("{", encoding="utf-8")
    command = [sys.executable, "-m", "bakeoff.hosts.promptflow_data", str(tmp_path / "run.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT / "src")
    assert done.returncode == 1
    assert "line 1: not valid JSON" in done.stderr
