from pathlib import Path

import pytest

from bakeoff.errors import InputError
from bakeoff.experiments.journal import Journal


def test_records_come_back_and_a_line_that_was_cut_off_goes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "answers.jsonl")
    assert journal.read() == {}
    journal.append({"id": "a", "output": "é\ud800"})
    journal.append({"id": "b"})
    with journal.path.open("ab") as file:
        file.write(b'{"id": "c", "out')
    assert journal.read().keys() == {"a", "b"}
    journal.append({"id": "d"})
    assert journal.read().keys() == {"a", "b", "d"}


@pytest.mark.parametrize("line", ["{", "[]", "{}"])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    journal = Journal(tmp_path / "answers.jsonl")
    journal.path.write_text(f'{{"id": "a"}}\n{line}\n{{"id": "b"}}\n')
    with pytest.raises(InputError, match="line 2: not a journal record"):
        journal.read()
