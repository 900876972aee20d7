"""The time of a run over all its sessions."""

from itertools import count
from pathlib import Path

import pytest

from bakeoff.finetuning.sessions import Sessions
from bakeoff.json_file import write_json


def test_a_killed_session_counts_up_to_its_last_note(tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"

    def begin() -> Sessions:
        return Sessions(file, wall=count(0, 10).__next__, cpu=count(0, 7).__next__)

    killed = begin()
    killed.note()
    killed.note()
    again = begin()
    assert again.spent() == {"sessions": 2, "seconds": 20 + 10, "cpu_seconds": 14 + 7}
    again.note()
    assert begin().spent() == {"sessions": 3, "seconds": 20 + 20 + 10, "cpu_seconds": 14 + 14 + 7}


def test_a_file_that_could_not_be_written_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write_json(file, {"whole": True})
    with pytest.raises(TypeError):
        write_json(file, {"not JSON": object()})
    assert file.read_text() == '{\n "whole": true\n}'
