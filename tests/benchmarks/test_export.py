import json
from pathlib import Path

import pytest
from benchmarks_data import write_rows
from suite_rows import SUPER_GLUE_ROWS

from bakeoff.benchmarks.export import export_items
from bakeoff.benchmarks.mmlu import CLOZE, LETTERS
from bakeoff.benchmarks.registry import TASKS
from bakeoff.benchmarks.run import Settings
from bakeoff.errors import InputError


def test_items_become_rows_of_the_flow(mmlu_folder: Path, tmp_path: Path) -> None:
    assert export_items(LETTERS, Settings(shots=1, limit=3, data=mmlu_folder), tmp_path / "rows.jsonl") == 3
    row = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])
    assert row["prompt"].endswith("Answer:")
    assert row["choices"] == [" A", " B", " C", " D"]
    assert row["options"] == ["rib", "ulna", "tibia", "skull"]
    assert (row["category"], row["label"]) == ("anatomy", (int(row["id"]) - 1) % 4)


def test_only_items_with_one_right_choice(mmlu_folder: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "record.jsonl", SUPER_GLUE_ROWS["record"])
    for task, folder in ((CLOZE, mmlu_folder), (TASKS["super_glue_record"], tmp_path)):
        with pytest.raises(InputError, match="cannot be exported"):
            export_items(task, Settings(data=folder), tmp_path / "rows.jsonl")
