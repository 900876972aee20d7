"""Filled-in forms: labels and values in one column, in two, in boxes, or with the label above its value."""

from random import Random

from .drawing import Drawing, Question, field_questions
from .page import Page
from .words import CITIES, PEOPLE, a_code, a_date, a_time, an_address, euros, long_date

TITLES = (
    "Lost property report", "Refund request", "Baggage damage report", "Pet travel form", "Group booking request",
    "Seat change request", "Delay compensation claim", "Visa support form", "Car hire agreement", "Parking permit",
)  # fmt: skip
LABELS = {
    "name": "Full name",
    "booking_code": "Booking code",
    "travel_date": "Date of travel",
    "departure_time": "Departure time",
    "from": "From",
    "to": "To",
    "phone": "Phone",
    "address": "Address",
    "seat": "Seat",
    "amount": "Amount claimed",
    "insured": "Insured",
    "bags": "Number of bags",
}
PHRASES = {
    "name": "What is the full name on this form?",
    "booking_code": "What is the booking code?",
    "travel_date": "What is the date of travel?",
    "departure_time": "What is the departure time?",
    "from": "Which city does the journey start from?",
    "to": "Which city does the journey go to?",
    "phone": "What phone number is given?",
    "address": "What is the address on this form?",
    "seat": "Which seat is entered?",
    "amount": "What amount is claimed?",
    "bags": "How many bags are entered?",
}
ASKED = (
    ("booking_code", "travel_date"), ("name", "amount"), ("seat", "phone"), ("departure_time", "to"),
    ("address", "booking_code"), ("travel_date", "from"), ("amount", "name"), ("phone", "bags"),
    ("to", "seat"), ("booking_code", "departure_time"),
)  # fmt: skip


def draw(number: int, rng: Random) -> Drawing:
    """The form TITLES[number] in one of four layouts."""
    start, end = rng.sample(CITIES, 2)
    day = a_date(rng)
    filled = {
        "name": PEOPLE[number],
        "booking_code": a_code(rng),
        "travel_date": (long_date(day), f"{day:%d/%m/%Y}", f"{day:%d.%m.%Y}")[number % 3],
        "departure_time": a_time(rng),
        "from": start,
        "to": end,
        "phone": f"0{rng.randrange(200, 800)} 555 {rng.randrange(1000, 9999)}",
        "address": an_address(rng),
        "seat": f"{rng.randrange(2, 30)}{rng.choice('ACDF')}",
        "amount": euros(rng.randrange(1500, 180000, 50)),
        "insured": rng.choice(("Yes", "No")),
        "bags": str(rng.randint(2, 9)),
    }
    names = [name for name in LABELS if name in ASKED[number] or name in ("insured", "name", "booking_code")]
    names += rng.sample([name for name in LABELS if name not in names], 7 + number % 4 - len(names))
    rng.shuffle(names)
    fields = {name: filled[name] for name in names}
    page = Page(760, 900, ("serif", "sans", "pillow", "mono", "stix")[number % 5])
    page.text(40, 70, TITLES[number], 30, bold=True)
    page.text(40, 104, "Larkspur Travel, please write clearly", 17)
    page.rule(124, 40, 720, width=3)
    bottom = (_colons, _boxes, _label_above, _two_columns)[number % 4](page, [(LABELS[n], fields[n]) for n in names])
    page.text(40, bottom + 60, f"Form LT-{rng.randrange(100, 999)}", 17)

    return Drawing(
        image=page.cut(bottom + 90),
        lines=page.lines(),
        questions=[*field_questions(fields, PHRASES, list(ASKED[number])), _other(number, fields)],
        fields=fields,
    )


def _colons(page: Page, pairs: list[tuple[str, str]]) -> int:
    for row, (label, value) in enumerate(pairs):
        page.text(40, 180 + 44 * row, f"{label}: {value}", 22)
    return 180 + 44 * len(pairs)


def _boxes(page: Page, pairs: list[tuple[str, str]]) -> int:
    for row, (label, value) in enumerate(pairs):
        y = 184 + 54 * row
        page.text(40, y, label, 20)
        page.draw.rectangle((270, y - 32, 720, y + 14), outline=page.ink, width=2)
        page.text(286, y, value, 22)
    return 184 + 54 * len(pairs)


def _label_above(page: Page, pairs: list[tuple[str, str]]) -> int:
    for row, (label, value) in enumerate(pairs):
        x, y = (40, 400)[row % 2], 170 + 86 * (row // 2)
        page.text(x, y, label, 17, ink="#555555")
        page.text(x, y + 32, value, 23)
        page.rule(y + 44, x, x + 310)
    return 170 + 86 * ((len(pairs) + 1) // 2)


def _two_columns(page: Page, pairs: list[tuple[str, str]]) -> int:
    for row, (label, value) in enumerate(pairs):
        y = 180 + 46 * row
        page.text(40, y, label, 20, bold=True)
        page.text(720, y, value, 20, align="right")
        page.rule(y + 16, 40, 720, width=1)
    return 180 + 46 * len(pairs)


def _other(number: int, fields: dict[str, str]) -> Question:
    return (
        Question("What is the title of this form?", "text", TITLES[number]),
        Question("Is the traveller insured?", "yes_no", fields["insured"]),
        Question("How many fields are filled in, not counting the form number?", "count", str(len(fields))),
    )[number % 3]
