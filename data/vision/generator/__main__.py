"""Draw the pictures of data/vision and write their truth and questions.

python -m data.vision.generator                                      all, over what is in data/vision
python -m data.vision.generator --only sign-03 --to /tmp/pictures    some pictures, elsewhere, without the tables
"""

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from . import bar_chart, form, invoice, line_chart, receipt, screenshot, sign, table
from .degrade import DEGRADATIONS
from .drawing import Drawing, Question, aliases
from .pairs import pair_rows

HERE = Path(__file__).parent.parent
KINDS: dict[str, Callable[[int, Random], Drawing]] = {
    module.__name__.rpartition(".")[2]: module.draw
    for module in (receipt, invoice, bar_chart, line_chart, form, sign, table, screenshot)
}
BASES = 10
DEGRADED = 12
COLOURS = 16

Picture = tuple[str, str, str, Drawing, Image.Image]


def pictures(kind: str) -> list[Picture]:
    """Id, id of the clean picture, degradation, drawing and image: BASES clean ones, then DEGRADED others."""
    drawings = [KINDS[kind](number, Random(f"{kind}-{number}")) for number in range(BASES)]
    found = [(f"{kind}-{number:02d}", f"{kind}-{number:02d}", "none", drawing, drawing.image)
             for number, drawing in enumerate(drawings)]  # fmt: skip
    names = list(DEGRADATIONS)
    first = list(KINDS).index(kind)
    for turn in range(DEGRADED):
        number, name = (first + turn) % BASES, names[turn % len(names)]
        base = f"{kind}-{number:02d}"
        image = DEGRADATIONS[name](drawings[number].image, Random(f"{base}-{name}"))
        found.append((f"{base}-{name}", base, name, drawings[number], image))
    return found


def save(image: Image.Image, path: Path) -> str:
    """Write a PNG with a palette of COLOURS and return its SHA-256."""
    image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def truth_row(picture: Picture, file: str, sha256: str) -> dict[str, Any]:
    name, base, degradation, drawing, _ = picture
    return {
        "id": name,
        "file": file,
        "sha256": sha256,
        "kind": base.rpartition("-")[0],
        "degradation": degradation,
        "base": base,
        "text": "\n".join(drawing.lines),
        "lines": drawing.lines,
        "fields": drawing.fields,
        "series": drawing.series,
        "table": drawing.table,
    }


def question_row(row_id: str, picture: Picture, question: Question) -> dict[str, Any]:
    name, base, degradation, drawing, _ = picture
    return {
        "id": row_id,
        "category": base.rpartition("-")[0],
        "image": {"data:image/png;path": f"images/{name}.png"},
        "image_id": name,
        "degradation": degradation,
        "question": question.question,
        "question_type": question.question_type,
        "chat_history": [],
        "ground_truth": question.answer,
        "aliases": aliases(question.answer),
        "fields": {question.field: question.answer} if question.field else {},
        "text": "\n".join(drawing.lines),
    }


def asked(kind: str, drawn: list[Picture]) -> list[dict[str, Any]]:
    """All questions of the clean pictures, and one of them, in turn, for each degraded picture."""
    rows: list[dict[str, Any]] = []
    for turn, picture in enumerate(drawn):
        questions = picture[3].questions
        if picture[2] != "none":
            questions = [questions[turn % len(questions)]]
        for question in questions:
            rows.append(question_row(f"{kind}-{len(rows) + 1:03d}", picture, question))
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m data.vision.generator", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="ID", help="ids of the pictures to draw; leaves the tables alone")
    parser.add_argument("--to", type=Path, default=HERE / "questions" / "images", help="folder for the pictures")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    truth, questions = [], []
    for kind in KINDS:
        if arguments.only and not any(name.startswith(f"{kind}-") for name in arguments.only):
            continue
        drawn = pictures(kind)
        questions += asked(kind, drawn)
        for picture in drawn:
            if not arguments.only or picture[0] in arguments.only:
                sha256 = save(picture[4], arguments.to / f"{picture[0]}.png")
                truth.append(truth_row(picture, f"questions/images/{picture[0]}.png", sha256))
    if not arguments.only:
        write_rows(HERE / "images.jsonl", truth)
        write_rows(HERE / "questions" / "input.jsonl", questions)
        write_rows(HERE / "questions_pairs.jsonl", pair_rows(truth))


if __name__ == "__main__":
    main()
