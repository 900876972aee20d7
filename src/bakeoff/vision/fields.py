"""Names and values that stand beside or below each other in an image: an extractive step that needs no model."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bakeoff.vision.layout import Cell, Row, rows
from bakeoff.vision.ocr import OcrLine

MAX_NAME_WORDS = 6
LEAST_OVERLAP = 0.5
CLOSER = 0.7
DATE = r"\d{4}-\d\d?-\d\d?|\d\d?[./]\d\d?[./]\d{2,4}|\d\d?\.? [^\W\d_]{3,9}\.? \d{4}"
TIME = r"(?<![\d:])\d\d?:\d\d(?![\d:])"
YES_OR_NO = r"\s*(is|are|was|were|do|does|did|has|have|can|may|must)\b"
COMMON_WORDS = (
    "a an and are as at by did do does for from give given go goes had has have how i in is it its many me much of on "
    "or read says show shown shows state tell that the there this to was were what when where which who whose with"
)
SAME_MEANING = {"no": "number", "nr": "number", "tel": "phone", "telephone": "phone", "qty": "quantity", "when": "date"}
SAME_PHRASE = {"amount due": "total", "balance due": "total", "to pay": "total"}


@dataclass(frozen=True)
class Field:
    """A name as printed, without its colon, and what stands for it."""

    key: str
    value: str


def fields(lines: Sequence[OcrLine]) -> list[Field]:
    """Every name and value that the layout shows, in reading order.

    Found are `Total: EUR 48.20` in one piece; a name ending in a colon with its value to the right, or else below; a
    row of two pieces; a row that ends in a number or code (`Gate B14`); the last two of three pieces and what stands
    below the first; names with values close below each, as in a form; and a table: a row of three or more names without
    figures and the rows of as many pieces below it give `first piece + heading` for each other piece, a single such row
    the headings alone. At the end come a date or time without a name, as Date or Time, and the first words of the page,
    as Title and as Name.
    """
    page = rows(lines)
    found: list[Field] = []
    unnamed: list[Field] = []
    number = 0
    while number < len(page):
        table = _table_below(page, number) or _values_below(page, number)
        if table:
            found += _table_fields(page[number], table)
        else:
            named = _row_fields(page[number], page[number + 1] if number + 1 < len(page) else ())
            found += named
            unnamed += [] if named else _unnamed_fields(page[number])
        number += 1 + len(table)
    heading = next((cell.text for row in page for cell in row if _is_name(cell.text) and not _split(cell.text)[0]), "")
    return found + unnamed + ([Field("Title", heading), Field("Name", heading)] if heading else [])


def best_field(question: str, fields: Sequence[Field]) -> Field | None:
    """The field whose name shares most words with the question, or None where no name shares half of its words.

    Words are compared in lower case without endings, common words and the noun after `this` (`the date on this
    receipt`); the measure is F1 of the name's words and the question's, and of equal fields the first wins. A question
    that asks for yes or no has no field.
    """
    if re.match(YES_OR_NO, question, re.IGNORECASE):
        return None
    asked = _words(re.sub(r"\bthis\s+\w+", "", question, flags=re.IGNORECASE))
    best, best_score = None, 0.0
    for field in fields:
        words = _words(field.key)
        names = _telling(words) or words
        shared = len(names & asked)
        score = 2 * shared / (len(names) + len(_telling(asked)) or 1)
        if shared >= LEAST_OVERLAP * len(names) and score > best_score:
            best, best_score = field, score
    return best


def _row_fields(row: Row, below: Row) -> list[Field]:
    found = _fields_with_colon(row, below)
    if not found and len(row) in (2, 3) and _is_name(row[-2].text):
        found.append(Field(row[-2].text, row[-1].text))
    if len(row) == 3 and below and _is_name(row[0].text) and abs(below[0].left - row[0].left) < row[0].height:
        found.append(Field(row[0].text, below[0].text))
    if not found and len(row) == 1:
        coded = re.fullmatch(r"(\D{2,}?)\s+(\S*\d\S*(?: [^\W\d]{1,3})?)", row[0].text)
        if coded and _is_name(coded[1]) and len(coded[1].split()) <= MAX_NAME_WORDS // 2:
            found.append(Field(coded[1], coded[2]))
    return found


def _unnamed_fields(row: Row) -> list[Field]:
    text = " ".join(cell.text for cell in row)
    matches = {name: re.search(pattern, text) for name, pattern in (("Date", DATE), ("Time", TIME))}
    return [Field(name, match[0]) for name, match in matches.items() if match]


def _fields_with_colon(row: Row, below: Row) -> list[Field]:
    """Pieces without a colon belong to the value before them; a last name without a value has it below."""
    found: list[Field] = []
    last: Cell | None = None
    for cell in row:
        name, value = _split(cell.text)
        if name:
            found.append(Field(name, value))
            last = cell
        elif found:
            found[-1] = Field(found[-1].key, f"{found[-1].value} {cell.text}".lstrip())
    if last is not None and not found[-1].value:
        under = [cell for cell in below if cell.left < last.right and cell.right > last.left]
        if len(under) == 1 and not _split(under[0].text)[0]:
            found[-1] = Field(found[-1].key, under[0].text)
    return [field for field in found if field.value]


def _split(text: str) -> tuple[str, str]:
    """The name before a colon and the value after it; both empty where there is none, as in `17:42` or an address."""
    parts = re.match(r"(.*?)\s*[:：](?:(?=\s|$)|(?<=[^\W\d][:：])(?!//))\s*(.*)", text)
    return (parts[1], parts[2]) if parts and _is_name(parts[1]) else ("", "")


def _is_name(text: str) -> bool:
    is_short = len(text.split()) <= MAX_NAME_WORDS
    return is_short and bool(re.search(r"[^\W\d_]{2}", text)) and not re.search(DATE, text)


def _has_figures(row: Row) -> bool:
    return any(re.search(r"\d", cell.text) for cell in row)


def _table_below(page: Sequence[Row], number: int) -> list[Row]:
    """The rows of the table whose headings are in that row, none where it is no heading."""
    header = page[number]
    if len(header) < 3 or not _is_heading(header):
        return []
    end = number + 1
    while end < len(page) and len(page[end]) == len(header):
        if end > number + 1 and _is_heading(page[end]) and _has_figures(page[end - 1]):
            break
        end += 1
    return list(page[number + 1 : end])


def _values_below(page: Sequence[Row], number: int) -> list[Row]:
    """The row below where it is closer and stands under the same left edges, as a form has it; none elsewhere."""
    rows_around = [page[i] if 0 <= i < len(page) else () for i in range(number - 1, number + 3)]
    _, names, values, _ = rows_around
    if not values or len(names) != len(values) or not _is_heading(names):
        return []
    gaps = [low[0].middle - high[0].middle if high and low else math.inf for high, low in pairwise(rows_around)]
    aligned = all(abs(n.left - v.left) < n.height / 2 for n, v in zip(names, values, strict=True))
    return [values] if aligned and gaps[1] < CLOSER * min(gaps[0], gaps[2]) else []


def _is_heading(row: Row) -> bool:
    return not _has_figures(row) and all(_is_name(cell.text) and ":" not in cell.text for cell in row)


def _table_fields(header: Row, table: Sequence[Row]) -> list[Field]:
    if len(table) == 1:
        return [Field(heading.text, cell.text) for heading, cell in zip(header, table[0], strict=True)]
    return [
        Field(f"{row[0].text} {heading.text}", cell.text)
        for row in table
        for heading, cell in zip(header[1:], row[1:], strict=True)
    ]


def _words(text: str) -> set[str]:
    """Lower-case words without endings, so that `Departs` and `departure` are one."""
    text = text.lower()
    for phrase, meaning in SAME_PHRASE.items():
        text = text.replace(phrase, meaning)
    found = (SAME_MEANING.get(word, word) for word in re.findall(r"[^\W_]+", text))
    common = COMMON_WORDS.split()
    return {word if word in common else re.sub(r"(?<=\w{3})(ing|ed|es|ure|s|e)$", "", word) for word in found}


def _telling(words: set[str]) -> set[str]:
    """Without common words and figures."""
    return {word for word in words if word not in COMMON_WORDS.split() and not word.isdigit()}
