from pathlib import Path

import pytest
from benchmarks_data import MMLU_DEV, MMLU_TEST, write_rows


@pytest.fixture
def mmlu_folder(tmp_path: Path) -> Path:
    """Six test questions of anatomy, three of us_foreign_policy, five examples of each."""
    folder = tmp_path / "mmlu"
    write_rows(folder / "dev.jsonl", MMLU_DEV)
    write_rows(folder / "test.jsonl", MMLU_TEST)
    return folder
