"""Copy the clean charts of data/vision and write what they show beside them.

python -m data.chart_to_code.generator                     over what is in data/chart_to_code/charts
python -m data.chart_to_code.generator --to /tmp/charts    elsewhere
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PICTURES = HERE.parent / "vision"


def chart_rows() -> list[dict[str, Any]]:
    """One row for each clean chart, with the `series` that its generator drew as the truth."""
    truth = map(json.loads, (PICTURES / "images.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        {
            "id": picture["id"],
            "category": picture["kind"],
            "image": {"data:image/png;path": f"images/{picture['id']}.png"},
            "truth": picture["series"],
        }
        for picture in truth
        if picture["series"] and picture["degradation"] == "none"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m data.chart_to_code.generator", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--to", type=Path, default=HERE / "charts", help="folder for the rows and the pictures")
    folder: Path = parser.parse_args().to
    rows = chart_rows()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for row in rows:
        shutil.copyfile(PICTURES / "questions" / "images" / f"{row['id']}.png", folder / "images" / f"{row['id']}.png")
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "input.jsonl").write_text(lines, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
