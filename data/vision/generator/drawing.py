"""What a generator returns: a picture, its exact truth, and questions about it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from PIL import Image

DATE_FORMATS = ("%d %B %Y", "%d %b %Y", "%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")


@dataclass(frozen=True)
class Question:
    """One question; `field` names the entry of `Drawing.fields` that is its answer, "" for none."""

    question: str
    question_type: str
    answer: str
    field: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture with what is on it.

    lines: the text, one entry a row of the picture, top to bottom, words left to right. fields: key-value pairs as
    printed. series: the data a chart shows. table: rows of cells, the header first.
    """

    image: Image.Image
    lines: list[str]
    questions: list[Question]
    fields: dict[str, str] = field(default_factory=dict)
    series: dict[str, Any] = field(default_factory=dict)
    table: list[list[str]] = field(default_factory=list)


def field_questions(fields: dict[str, str], phrases: dict[str, str], names: list[str]) -> list[Question]:
    """Look-ups of the fields `names`, worded as `phrases` says for each name."""
    return [Question(phrases[name], "field", fields[name], name) for name in names]


def number_of(text: str) -> float:
    """The number in a cell such as "EUR 1,250.00" or "78%"."""
    return float(re.sub(r"[^\d.]", "", text))


def extreme(values: dict[str, float], chosen: Callable[[Iterable[float]], float]) -> str:
    """The key of the value that `chosen` (max or min) picks; ValueError where two keys share it."""
    (key,) = [key for key, value in values.items() if value == chosen(values.values())]
    return key


def aliases(answer: str) -> list[str]:
    """Other spellings of an amount, a date or a number with a thousands comma; [] for any other answer."""
    if amount := re.fullmatch(r"(?:EUR )?([\d,]+\.\d\d)", answer):
        plain = {amount[1], amount[1].replace(",", "")}
        spellings = {form.format(number) for number in plain for form in ("EUR {}", "{}", "{} EUR", "€{}", "{} euros")}
        return sorted(spellings - {answer})
    for form in DATE_FORMATS:
        try:
            date = datetime.strptime(answer, form)
        except ValueError:
            continue
        spellings = {date.strftime(form) for form in DATE_FORMATS} | {f"{date.day} {date:%B %Y}"}
        return sorted(spellings - {answer})
    if re.fullmatch(r"\d{1,3}(,\d{3})+", answer):
        return [answer.replace(",", "")]
    return []
