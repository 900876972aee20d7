import pytest

from bakeoff.vision.fields import Field, best_field, fields
from bakeoff.vision.ocr import OcrLine


def _page(*page_rows: dict[int, str]) -> list[OcrLine]:
    """Lines of text by row and left edge; a character is 10 wide and a row 40 high."""
    lines = []
    for number, row in enumerate(page_rows):
        top, bottom = 40.0 * number, 40.0 * number + 20
        for left, text in row.items():
            right = float(left + 10 * len(text))
            lines.append(OcrLine(text, 0.99, ((left, top), (right, top), (right, bottom), (left, bottom))))
    return lines


def _pairs(page: list[OcrLine]) -> list[tuple[str, str]]:
    """The fields without the two that the page's first words give."""
    found = [(field.key, field.value) for field in fields(page)]
    return found[:-2] if [key for key, _ in found[-2:]] == ["Title", "Name"] else found


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (_page({0: "Total: EUR 48.20"}), [("Total", "EUR 48.20")]),
        (_page({0: "Total : EUR 48.20"}), [("Total", "EUR 48.20")]),
        (_page({0: "Total:", 200: "EUR 48.20"}), [("Total", "EUR 48.20")]),
        (_page({0: "Total: EUR", 200: "48.20"}), [("Total", "EUR 48.20")]),
        (_page({0: "Total", 200: "48.20"}), [("Total", "48.20")]),
        (_page({0: "Date: 1 May", 200: "Time: 17:42"}), [("Date", "1 May"), ("Time", "17:42")]),
        (_page({0: "Name:"}, {5: "Ada Byron"}), [("Name", "Ada Byron")]),
        (_page({0: "Invoice no. A-4711"}), [("Invoice no.", "A-4711")]),
        (_page({0: "Open 9:00 to 17:42"}), [("Time", "9:00")]),
        (_page({0: "2026-04-14 11:33"}), [("Date", "2026-04-14"), ("Time", "11:33")]),
        (_page({0: "8 March 2026", 200: "08:12"}), [("Date", "8 March 2026"), ("Time", "08:12")]),
        (_page({0: "Gate B14"}), [("Gate", "B14")]),
        (_page({0: "Height limit 2.0 m"}), [("Height limit", "2.0 m")]),
        (_page({0: "Code:I-1150"}), [("Code", "I-1150")]),
        (_page({0: "See https://example.com"}), []),
        (_page({0: "Bill to", 200: "Number", 400: "A-7"}, {0: "Ada"}), [("Number", "A-7"), ("Bill to", "Ada")]),
        (_page({0: "Thank you for your visit"}), []),
        (_page({0: "12", 200: "48.20"}), []),
        (_page({0: "Name:"}, {5: "Street: Mill Lane"}), [("Street", "Mill Lane")]),
        ([], []),
    ],
)
def test_names_and_values_are_found(page: list[OcrLine], expected: list[tuple[str, str]]):
    assert _pairs(page) == expected


def test_the_first_words_of_the_page_come_last_as_title_and_name():
    page = _page({0: "12", 200: "CORNER SHOP"}, {0: "Total: 5.00"})
    assert fields(page)[-2:] == [Field("Title", "CORNER SHOP"), Field("Name", "CORNER SHOP")]


def test_in_a_form_the_value_stands_close_below_its_name():
    page = _page(
        {0: "Phone", 300: "Booking code"}, {0: "0595 555", 300: "KPWHWJ"}, {}, {0: "From"}, {0: "Brennick"}, {}
    )
    assert _pairs(page) == [("Phone", "0595 555"), ("Booking code", "KPWHWJ"), ("From", "Brennick")]


def test_a_single_row_below_headings_has_the_headings_alone_and_the_next_headings_start_anew():
    page = _page(
        {0: "Number", 200: "Date", 400: "Customer"},
        {0: "A-7", 200: "1 May", 400: "263"},
        {0: "Item", 200: "Stock", 400: "Price"},
        {0: "Apples", 200: "7", 400: "1.20"},
        {0: "Pears", 200: "3", 400: "2.40"},
    )
    assert _pairs(page)[:4] == [("Number", "A-7"), ("Date", "1 May"), ("Customer", "263"), ("Apples Stock", "7")]


def test_the_cells_of_a_table_have_the_names_of_their_row_and_column():
    page = _page(
        {0: "Item", 200: "Stock", 400: "Price"},
        {0: "Apples", 200: "7", 400: "1.20"},
        {0: "Pears", 200: "3", 400: "2.40"},
    )
    assert _pairs(page) == [
        ("Apples Stock", "7"),
        ("Apples Price", "1.20"),
        ("Pears Stock", "3"),
        ("Pears Price", "2.40"),
    ]


FOUND = [
    Field("Subtotal", "10.00"),
    Field("Total", "12.00"),
    Field("Invoice no.", "A-4711"),
    Field("Due date", "1 May"),
    Field("Invoice date", "1 April"),
    Field("Apples Price", "1.20"),
    Field("Apples Stock", "7"),
]


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("What is the total?", "12.00"),
        ("What is the SUBTOTAL of this receipt?", "10.00"),
        ("What is the invoice number?", "A-4711"),
        ("What is the invoice date?", "1 April"),
        ("On which date is it due?", "1 May"),
        ("When is this invoice due?", "1 May"),
        ("What is the total of this invoice?", "12.00"),
        ("What is the price of an apple?", "1.20"),
        ("How many apples are in stock?", "7"),
    ],
)
def test_the_field_that_a_question_names_is_chosen(question: str, value: str):
    field = best_field(question, FOUND)
    assert field is not None
    assert field.value == value


@pytest.mark.parametrize("question", ["Who is the king?", "", "What is it?", "Is the total 12.00?"])
def test_a_question_that_names_no_field_gets_none(question: str):
    assert best_field(question, FOUND) is None


def test_of_equal_fields_the_first_wins():
    assert best_field("total?", [Field("Total", "1"), Field("Total", "2")]) == Field("Total", "1")
