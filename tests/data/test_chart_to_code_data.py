"""The promises that data/chart_to_code/README.md makes."""

import json
import subprocess
import sys
from pathlib import Path

from bakeoff.vision.chart_code.chart import read_truth

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "data/chart_to_code/charts"


def test_rows_and_pictures_are_those_of_the_generator(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data.chart_to_code.generator", "--to", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    kept = {file.relative_to(CHARTS): file.read_bytes() for file in CHARTS.rglob("*") if file.is_file()}
    assert made == kept


def test_every_chart_has_a_picture_and_a_truth_that_can_be_compared() -> None:
    rows = [json.loads(line) for line in (CHARTS / "input.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) == 20
    assert [row["category"] for row in rows] == ["bar_chart"] * 10 + ["line_chart"] * 10
    for row in rows:
        chart = read_truth(row["truth"])
        assert chart.title
        assert chart.series
        assert (CHARTS / row["image"]["data:image/png;path"]).is_file()
