import math
import random

import pytest

from bakeoff.vision.layout import rows, to_text
from bakeoff.vision.ocr import OcrLine, Point


def _line(text: str, left: float, top: float, width: float | None = None, height: float = 20) -> OcrLine:
    right, bottom = left + (width or 10 * len(text)), top + height
    return OcrLine(text, 0.99, ((left, top), (right, top), (right, bottom), (left, bottom)))


def _turned(lines: list[OcrLine], degrees: float) -> list[OcrLine]:
    """The page turned clockwise about a point of its own."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def turn(point: Point) -> Point:
        x, y = point[0] - 300, point[1] - 200
        return (500 + x * cos - y * sin, 600 + x * sin + y * cos)

    return [OcrLine(li.text, li.confidence, tuple(turn(point) for point in li.box)) for li in lines]


RECEIPT = [
    _line("CORNER SHOP", 150, 0, height=30),
    _line("Oat milk", 20, 60),
    _line("1.99", 360, 62),
    _line("Rye bread", 20, 100),
    _line("12.50", 350, 99),
    _line("Total:", 20, 140),
    _line("EUR 14.49", 310, 141),
]
RECEIPT_TEXT = "CORNER SHOP\nOat milk | 1.99\nRye bread | 12.50\nTotal: | EUR 14.49"


def test_a_receipt_is_read_in_rows():
    assert to_text(RECEIPT) == RECEIPT_TEXT


def test_another_separator():
    assert to_text(RECEIPT[1:3], " ") == "Oat milk 1.99"


def test_the_order_of_the_lines_does_not_matter():
    for seed in range(5):
        shuffled = random.Random(seed).sample(RECEIPT, len(RECEIPT))
        assert to_text(shuffled) == RECEIPT_TEXT


@pytest.mark.parametrize("degrees", [-10, -3, 4, 10, 80, 90, 100, 170, 180, 190, 265, 270])
def test_a_turned_or_skewed_page_reads_the_same(degrees: float):
    assert to_text(_turned(RECEIPT, degrees)) == RECEIPT_TEXT


def test_pieces_of_one_phrase_are_joined_and_columns_are_not():
    lines = [_line("Grand", 0, 0), _line("total", 60, 1), _line("9.00", 200, 0)]
    assert [cell.text for cell in rows(lines)[0]] == ["Grand total", "9.00"]


def test_a_table_stays_in_rows():
    names = ["Item", "Apples", "Pears", "Plums", "Figs"]
    lines = [_line(name, 0, 40 * i) for i, name in enumerate(names)]
    lines += [_line(str(i), 200, 40 * i) for i in range(5)]
    lines += [_line(f"{i}.50", 300, 40 * i) for i in range(5)]
    assert to_text(lines).splitlines()[1:3] == ["Apples | 1 | 1.50", "Pears | 2 | 2.50"]


LEFT = ["The harbour was closed", "all week because of the", "storm that came from", "the north on Monday."]
RIGHT = ["Fishing boats stayed in", "port and the market had", "no fish to sell, which", "nobody remembers."]


def _columns(offset: float = 0) -> list[OcrLine]:
    left = [_line(text, 0, 60 + 30 * i) for i, text in enumerate(LEFT)]
    return left + [_line(text, 300, 60 + offset + 30 * i) for i, text in enumerate(RIGHT)]


@pytest.mark.parametrize("offset", [0, 13])
def test_two_columns_are_read_one_after_the_other(offset: float):
    assert to_text(_columns(offset)).splitlines() == LEFT + RIGHT


def test_lines_across_the_columns_keep_their_place():
    title = _line("Storm closes the harbour for a week", 80, 0, height=30)
    foot = _line("Continued on the next page of this paper", 60, 200)
    assert to_text([foot, *_columns(), title]).splitlines() == [title.text, *LEFT, *RIGHT, foot.text]


def test_three_columns_are_read_one_after_the_other():
    third = ["Trains were late as well", "since a tree had fallen", "across the main line in"]
    lines = _columns() + [_line(text, 600, 60 + 30 * i) for i, text in enumerate(third)]
    assert to_text(lines).splitlines() == LEFT + RIGHT + third


def test_text_across_the_page_such_as_the_label_of_an_axis_comes_last():
    label = OcrLine("Sales (EUR)", 0.9, ((0, 300), (0, 100), (20, 100), (20, 300)))
    lines = [label, _line("Sales by quarter", 100, 0), _line("Q1", 100, 320), _line("Q2", 200, 320)]
    assert to_text(lines) == "Sales by quarter\nQ1 | Q2\nSales (EUR)"


def test_print_of_other_sizes_on_one_row():
    lines = [_line("EUR", 0, 12, height=14), _line("48.20", 36, 0, height=30), _line("incl. tax", 250, 10, height=12)]
    assert to_text(lines) == "EUR 48.20 | incl. tax"


def test_nothing_read_is_no_text():
    assert to_text([]) == ""
    assert rows([_line("  ", 0, 0)]) == []
