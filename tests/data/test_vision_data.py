"""The promises that data/vision/README.md makes about the pictures, their truth and the questions."""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "vision"
PICTURES = FOLDER / "questions" / "images"
IMAGE_COLUMNS = [
    "id", "file", "sha256", "kind", "degradation", "base", "text", "lines", "fields", "series", "table",
]  # fmt: skip
QUESTION_COLUMNS = [
    "id", "category", "image", "image_id", "degradation", "question", "question_type", "chat_history", "ground_truth",
    "aliases", "fields", "text",
]  # fmt: skip
KINDS = {"receipt", "invoice", "bar_chart", "line_chart", "form", "sign", "table", "screenshot"}
DEGRADATIONS = {"none", "rotated", "turned", "blurred", "noisy", "low_contrast", "small_print", "jpeg"}
PATH = "data:image/png;path"

Row = dict[str, Any]


def read(name: str) -> list[Row]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def truth() -> dict[str, Row]:
    return {row["id"]: row for row in read("images.jsonl")}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return read("questions/input.jsonl")


@pytest.fixture(scope="module")
def pairs() -> list[Row]:
    return read("questions_pairs.jsonl")


def number_of(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def extreme(values: dict[str, float], word: str) -> str:
    """The one key with the highest or lowest value; fails where two share it."""
    best = {"highest": max, "lowest": min}[word](values.values())
    (key,) = [key for key, value in values.items() if value == best]
    return key


def cell(image: Row, column: str, name: str) -> str:
    header, *body = image["table"]
    (row,) = [row for row in body if row[0] == name]
    return str(row[header.index(column)])


def column(image: Row, name: str) -> dict[str, float]:
    header, *body = image["table"]
    return {row[0]: number_of(row[header.index(name)]) for row in body}


def drawn(image: Row, series: str | None) -> dict[str, float]:
    """The values of the named series, or of the only one, by x label."""
    values = image["series"]["values"]
    (chosen,) = [values[series]] if series else values.values()
    return dict(zip(image["series"]["x"], chosen, strict=True))


def yes(truth: bool) -> str:
    return "Yes" if truth else "No"


# How the answer follows from the truth of the picture, by the wording of the question.
RULES: dict[str, Callable[..., str]] = {
    r'At which ".+" is (?:the value|"(.+)") (highest|lowest)\?': lambda i, s, w: extreme(drawn(i, s), w),
    r'What is the value(?: of "(.+)")? for "(.+)"\?': lambda i, s, x: f"{drawn(i, s)[x]:,}",
    r'How many different values of ".+" are shown\?': lambda i: str(len(i["series"]["x"])),
    r"What is the title of the chart\?": lambda i: i["series"]["title"],
    r"What does the vertical axis show\?": lambda i: i["series"]["y_label"],
    r'What stands in column "(.+)" for "(.+)"\?': lambda i, c, r: (
        cell(i, c, r) if i["kind"] == "table" else next(row[3] for row in i["table"] if row[1] == r)
    ),
    r"Which item has the (highest|lowest) amount\?": lambda i, w: extreme(column(i, "Amount"), w),
    r'Which (?:row|position) has the (highest|lowest) "(.+)"\?': lambda i, w, c: extreme(column(i, c), w),
    r"How many (?:rows|different items|positions) .+\?": lambda i: str(len(i["table"]) - 1),
    r'What is the (amount) in the line "(.+)"\?': lambda i, c, r: cell(i, c.capitalize(), r),
    r'What is the (unit price) of "(.+)"\?': lambda i, c, r: cell(i, c.capitalize(), r),
    r'What (quantity) of "(.+)" is billed\?': lambda i, c, r: cell(i, c.capitalize(), r),
    r"How many fields are filled in, .+\?": lambda i: str(len(i["fields"])),
    r"How many messages did the traveller \(You\) write\?": lambda i: str([r[0] for r in i["table"]].count("You")),
    r"How many prices are shown\?": lambda i: str(i["text"].count("EUR ")),
    r"What is the title of this form\?": lambda i: i["lines"][0],
    r"Was this receipt paid by card\?": lambda i: yes(i["fields"]["payment"] == "Card"),
    r"Is the traveller insured\?": lambda i: i["fields"]["insured"],
    r"Does the trip go to (.+)\?": lambda i, town: yes(i["fields"]["to"] == town),
    r"Does this flight go to (.+)\?": lambda i, town: yes(i["fields"]["destination"] == town),
    r"Is the shop open on Sunday\?": lambda i: yes(i["fields"]["sunday"] != "closed"),
    r"Does the ferry sail on (25 December)\?": lambda i, day: yes(f"No sailing on {day}" not in i["text"]),
    r'Which town has the state "(.+)"\?': lambda i, state: next(r[2] for r in i["table"] if r[4] == state),
    r"Which is cheaper, entry at the door or entry in the app\?": lambda i: extreme(
        {
            "Entry at the door": number_of(i["fields"]["door_price"]),
            "Entry in the app": number_of(i["fields"]["app_price"]),
        },
        "lowest",
    ),
    r"Which pay more, adults or students\?": lambda i: extreme(
        {name: number_of(i["fields"][name.lower()]) for name in ("Adults", "Students")}, "highest"
    ),
}


def derived(row: Row, image: Row) -> str | None:
    """The answer as it follows from the truth of the picture; None where no rule knows the question."""
    if row["question_type"] == "field":
        (name,) = row["fields"]
        return str(image["fields"][name])
    for pattern, rule in RULES.items():
        if match := re.fullmatch(pattern, row["question"]):
            return rule(image, *match.groups())
    return None


def is_clean(value: object) -> bool:
    return isinstance(value, str) and value != "" and value == value.strip() and "<|" not in value


def test_files_are_plain_utf8() -> None:
    for name in ("questions/input.jsonl", "images.jsonl", "questions_pairs.jsonl", "README.md"):
        content = (FOLDER / name).read_bytes()
        content.decode("utf-8")
        assert not content.startswith(b"\xef\xbb\xbf"), name
        assert b"\r" not in content, name
        assert content.endswith(b"\n"), name
        assert name == "README.md" or b"\n\n" not in content, name


def test_the_batch_folder_holds_no_other_data_file() -> None:
    """Prompt Flow reads every data file of a folder, at any depth, as rows."""
    files = {path.relative_to(FOLDER / "questions").as_posix() for path in (FOLDER / "questions").rglob("*")}
    assert {file for file in files if not file.endswith(".png")} == {"input.jsonl", "images"}


def test_every_row_has_exactly_the_columns(truth: dict[str, Row], rows: list[Row], pairs: list[Row]) -> None:
    assert [row["id"] for row in truth.values() if list(row) != IMAGE_COLUMNS] == []
    assert [row["id"] for row in rows + pairs if list(row) != QUESTION_COLUMNS] == []


def test_ids_are_unique_and_carry_the_kind(truth: dict[str, Row], rows: list[Row], pairs: list[Row]) -> None:
    ids = [row["id"] for row in [*read("images.jsonl"), *rows, *pairs]]
    assert len(set(ids)) == len(ids)
    assert [row["id"] for row in rows if not re.fullmatch(rf"{row['category']}-\d{{3}}", row["id"])] == []
    assert [row["id"] for row in pairs if not re.fullmatch(r"pair-\d{3}", row["id"])] == []
    for name, row in truth.items():
        suffix = "" if row["degradation"] == "none" else f"-{row['degradation']}"
        assert re.fullmatch(rf"{row['kind']}-\d\d{suffix}", name), name


def test_pictures_are_those_listed_with_their_hash(truth: dict[str, Row]) -> None:
    assert {path.name for path in PICTURES.iterdir()} == {f"{name}.png" for name in truth}
    for name, row in truth.items():
        path = FOLDER / row["file"]
        assert path == PICTURES / f"{name}.png"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"], name


def test_pictures_open_and_are_small(truth: dict[str, Row]) -> None:
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 6_000_000
    for name, row in truth.items():
        with Image.open(FOLDER / row["file"]) as image:
            image.load()
            assert image.format == "PNG"
            assert 150 <= min(image.size) <= max(image.size) <= 1200, name


def test_each_kind_has_clean_and_degraded_pictures(truth: dict[str, Row]) -> None:
    assert {row["kind"] for row in truth.values()} == KINDS
    assert {row["degradation"] for row in truth.values()} == DEGRADATIONS
    for kind in KINDS:
        of_kind = [row["degradation"] for row in truth.values() if row["kind"] == kind]
        assert of_kind.count("none") >= 10
        assert set(of_kind) == DEGRADATIONS
    clean = sum(row["degradation"] == "none" for row in truth.values())
    assert 0.4 <= clean / len(truth) <= 0.5


def test_degraded_pictures_have_the_truth_of_their_clean_one(truth: dict[str, Row]) -> None:
    for row in truth.values():
        base = truth[row["base"]]
        assert base["degradation"] == "none"
        assert (base is row) is (row["degradation"] == "none")
        assert (base["sha256"] == row["sha256"]) is (base is row), row["id"]
        for name in ("kind", "text", "lines", "fields", "series", "table"):
            assert base[name] == row[name], row["id"]


def test_what_a_picture_is_said_to_show_stands_in_its_text(truth: dict[str, Row]) -> None:
    for row in truth.values():
        series = row["series"]
        shown = [*row["fields"].values(), *(cell for cells in row["table"] for cell in cells if cell != "Sender")]
        if row["kind"] == "receipt":
            shown.remove("Item")
            shown.remove("Amount")
        if series:
            shown += [series["title"], series["x_label"], series["y_label"], *series["x"]]
            shown += list(series["values"]) if len(series["values"]) > 1 else []
            assert {len(values) for values in series["values"].values()} == {len(series["x"])}
        assert shown, row["id"]
        assert [text for text in shown if text not in row["text"] and text != "Message"] == [], row["id"]
        assert row["text"] == "\n".join(row["lines"])
        assert all(is_clean(line) for line in row["lines"]), row["id"]


def test_there_are_enough_questions_of_each_type(rows: list[Row], pairs: list[Row], truth: dict[str, Row]) -> None:
    types = Counter(row["question_type"] for row in rows)
    assert set(types) == {"text", "field", "numeric", "count", "comparison", "yes_no"}
    assert len(rows) >= 200
    assert types["field"] >= 80
    assert len(pairs) == 12
    assert {row["image_id"] for row in rows} == set(truth)


def test_questions_name_their_picture(rows: list[Row], truth: dict[str, Row]) -> None:
    for row in rows:
        image = truth[row["image_id"]]
        assert row["image"] == {PATH: f"images/{row['image_id']}.png"}
        assert (row["category"], row["degradation"], row["text"]) == (
            image["kind"],
            image["degradation"],
            image["text"],
        )


def test_pairs_name_two_pictures(pairs: list[Row], truth: dict[str, Row]) -> None:
    for row in pairs:
        assert len(set(row["image_id"])) == 2, row["id"]
        images = [truth[name] for name in row["image_id"]]
        assert row["image"] == [{PATH: image["file"]} for image in images]
        assert row["degradation"] == images[1]["degradation"]
        assert row["text"] == "\n\n".join(image["text"] for image in images)


def test_texts_and_answers_are_filled(rows: list[Row], pairs: list[Row]) -> None:
    for row in rows + pairs:
        answers = [row["ground_truth"], *row["aliases"]]
        assert all(is_clean(text) for text in (row["question"], *answers)), row["id"]
        assert len(set(answers)) == len(answers), row["id"]
        assert row["chat_history"] == []
        assert len(row["ground_truth"].split()) <= 8, row["id"]


def test_no_question_comes_twice_about_a_picture(rows: list[Row]) -> None:
    assert max(Counter((row["image_id"], row["question"]) for row in rows).values()) == 1


def test_answers_follow_from_the_truth(rows: list[Row], truth: dict[str, Row]) -> None:
    for row in rows:
        expected = derived(row, truth[row["image_id"]])
        if expected is None:
            assert row["question_type"] in ("text", "numeric"), row["id"]
            assert re.search(rf"(?<!\w){re.escape(row['ground_truth'])}(?!\w)", row["text"]), row["id"]
        else:
            assert row["ground_truth"] == expected, row["id"]


def test_answers_about_two_pictures_follow_from_their_truth(pairs: list[Row], truth: dict[str, Row]) -> None:
    for row in pairs:
        first, second = (truth[name]["fields"] for name in row["image_id"])
        if row["question_type"] == "numeric":
            total = number_of(first["total"]) + number_of(second["total"])
            assert row["ground_truth"] == f"EUR {total:,.2f}"
        elif row["question_type"] == "comparison":
            totals = {fields["customer"]: number_of(fields["total"]) for fields in (first, second)}
            assert row["ground_truth"] == extreme(totals, "highest")
        else:
            assert row["ground_truth"] == yes(first["booking_code"] == second["booking_code"])


def test_only_field_questions_name_fields(rows: list[Row]) -> None:
    for row in rows:
        assert len(row["fields"]) == (row["question_type"] == "field"), row["id"]
        assert set(row["fields"].values()) <= {row["ground_truth"]}, row["id"]


@pytest.mark.parametrize(
    ("answer", "alias"),
    [("EUR 64.05", "€64.05"), ("EUR 2,014.28", "2014.28"), ("11.70", "EUR 11.70"), ("26 May 2026", "2026-05-26"),
     ("2026-05-12", "12 May 2026"), ("17.12.2026", "17/12/2026"), ("7,912", "7912")],
)  # fmt: skip
def test_other_spellings_are_accepted(rows: list[Row], answer: str, alias: str) -> None:
    found = [row["aliases"] for row in rows if row["ground_truth"] == answer]
    assert found
    assert all(alias in aliases for aliases in found)


def test_the_generator_draws_the_same_pictures(tmp_path: Path) -> None:
    """To the eye, not to the byte: another build of FreeType or zlib may differ in the last bit of an edge."""
    names = ["line_chart-05", "sign-03", "table-06-rotated", "sign-07-noisy"]
    command = [sys.executable, "-m", "data.vision.generator", "--to", str(tmp_path), "--only", *names]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(names)
    for name in names:
        kept, drawn = (
            np.asarray(Image.open(folder / f"{name}.png").convert("RGB"), int) for folder in (PICTURES, tmp_path)
        )
        assert kept.shape == drawn.shape, name
        assert (abs(kept - drawn).max(axis=2) > 16).mean() < 0.001, name


def test_readme_counts_are_those_of_the_files(truth: dict[str, Row], rows: list[Row], pairs: list[Row]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| ([a-z_]+) \| (\d+) \| (\d+) \|", readme, re.MULTILINE)
    pictures = Counter(row[name] for row in truth.values() for name in ("kind", "degradation"))
    questions = Counter(row[name] for row in rows for name in ("category", "degradation"))
    expected = {name: (pictures[name], questions[name]) for name in KINDS | DEGRADATIONS}
    assert {name: (int(first), int(second)) for name, first, second in stated} == expected
    types = Counter(row["question_type"] for row in rows)
    assert dict(re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", readme, re.MULTILINE)) == {
        k: str(v) for k, v in types.items()
    }
    assert f"{len(truth)} pictures" in readme
    assert f"{len(rows)} questions" in readme
    assert f"{len(pairs)} questions about two pictures" in readme
