"""Check the data file of a Prompt Flow run before it starts, because Prompt Flow does not say which line is wrong.

    python -m bakeoff.hosts.promptflow_data flows/chat/run.yaml

Prompt Flow 1.18.5 refuses a file with a byte-order mark or one malformed line with "Fail to load invalid data". A row
without a column that another row has gets NaN for it: as a list or a number that fails the row, and one row that fails
so makes the outputs of all others unwritten.
"""

import codecs
import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from bakeoff.errors import InputError

SHOWN = 10
COLUMN = re.compile(r"\$\{data\.(.+)\}")


def check_run(run_file: Path, inputs: Collection[str] = ()) -> int:
    """Rows of the JSON Lines file that a run file names.

    inputs: names that are given beside it. Raises InputError where the flow has no such input, and as `check_data`.
    """
    run = yaml.safe_load(run_file.read_text(encoding="utf-8"))
    flow = yaml.safe_load((run_file.parent / run["flow"] / "flow.dag.yaml").read_text(encoding="utf-8"))
    types = {name: definition["type"] for name, definition in flow["inputs"].items()}
    for name in inputs:
        if name not in types:
            raise InputError(f"{run_file.parent.name} has no input {name!r}: it has {', '.join(types)}")
    return check_data(run_file.parent / run["data"], types, run.get("column_mapping", {}))


def check_data(data: Path, types: Mapping[str, str], column_mapping: Mapping[str, object]) -> int:
    """Rows of a JSON Lines file.

    types: of each flow input, as its YAML names them. column_mapping: as in a run file; `${data.column}` is what the
    rows must have. Raises InputError naming the lines that Prompt Flow could not run, the first SHOWN of them.
    """
    content = data.read_bytes()
    columns = {}
    for name, value in column_mapping.items():
        if isinstance(value, str) and (match := COLUMN.fullmatch(value)):
            if name not in types:
                raise InputError(f"`column_mapping` gives {name!r}, and the flow has no such input: {', '.join(types)}")
            columns[match[1]] = types[name]
    problems, rows = [], 0
    if content.startswith(codecs.BOM_UTF8):
        problems.append("line 1: starts with a byte-order mark: save the file as UTF-8 without it")
        content = content.removeprefix(codecs.BOM_UTF8)
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            rows += 1
            problems += [f"line {number}: {problem}" for problem in _problems(line, columns)]
    if not rows:
        problems.append("there are no rows")
    if problems:
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise InputError("\n  ".join([f"{data} cannot be run:", *problems[:SHOWN], *more]))
    return rows


def _problems(line: bytes, columns: Mapping[str, str]) -> Iterator[str]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        yield f"not UTF-8 ({error.reason} at byte {error.start + 1})"
        return
    except json.JSONDecodeError as error:
        yield f"not valid JSON ({error.msg}, column {error.colno})"
        return
    if not isinstance(row, dict):
        yield "not a JSON object"
        return
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        yield "has half a character (a lone surrogate, \\ud800 to \\udfff): it was cut or decoded wrongly"
    for column, type_name in columns.items():
        if column not in row:
            yield f"has no {column!r}"
            continue
        if not can_be(type_name, row[column]):
            yield f"{column!r} is not of type {type_name}: {str(row[column])[:50]!r}"


def can_be(type_name: str, value: object) -> bool:
    """Whether Prompt Flow takes the value for an input of that type.

    Its own `ValueType(type_name).parse`, which a test holds this to, would cost the command that waits for a run 100 MB
    of imports."""
    try:
        if type_name in ("int", "double"):
            (int if type_name == "int" else float)(cast(Any, value))
        elif type_name == "bool":
            return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false"))
        elif type_name == "list":
            return isinstance(json.loads(value) if isinstance(value, str) else value, list)
    except (TypeError, ValueError):
        return False
    return True


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{check_run(Path(sys.argv[1]))} rows can be run\n")
    except InputError as error:
        sys.exit(f"error: {error}")
