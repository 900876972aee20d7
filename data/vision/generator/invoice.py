"""Invoices of Larkspur Travel and other invented firms: addresses, reference block, positions, tax, total."""

from datetime import timedelta
from random import Random

from .drawing import Drawing, Question, extreme, field_questions, number_of
from .page import Page
from .words import CITIES, COMPANIES, a_date, an_address, euros, long_date, money

SERVICES = (
    "Express train, first class", "Flight LK 410, Standard", "Ferry to Tarn, return", "Night train berth",
    "Hotel, two nights", "Airport parking P6", "Group booking fee", "Shuttle bus, ten rides", "Seat reservation",
    "Travel insurance", "Lounge day pass", "Car hire, three days",
)  # fmt: skip
ISSUERS = ("Larkspur Travel", "Brennick Coach Hire", "Merrow Harbour Office", "Osk Catering Service")
PHRASES = {
    "invoice_number": "What is the invoice number?",
    "invoice_date": "What is the invoice date?",
    "due_date": "When is this invoice due?",
    "customer": "Who is billed by this invoice?",
    "customer_number": "What is the customer number?",
    "subtotal": "What is the subtotal before tax?",
    "tax": "How much tax is charged?",
    "total": "What is the total of this invoice?",
}
ASKED = (
    ("invoice_number", "total"), ("due_date", "customer"), ("total", "invoice_date"), ("customer_number", "tax"),
    ("subtotal", "invoice_number"), ("customer", "total"), ("invoice_date", "due_date"), ("tax", "invoice_number"),
    ("total", "customer_number"), ("due_date", "subtotal"),
)  # fmt: skip


def draw(number: int, rng: Random) -> Drawing:
    """Invoice `number`; its reference block stands right, left, or in one row of columns."""
    issued = a_date(rng)
    form = ("%d/%m/%Y", "%Y-%m-%d", "long")[number % 3]
    issued_text, due_text = (
        long_date(day) if form == "long" else day.strftime(form) for day in (issued, issued + timedelta(14))
    )
    rate = (7, 19)[number % 2]
    positions = [
        (name, rng.randint(1, 4), rng.randrange(900, 39900, 25)) for name in rng.sample(SERVICES, rng.randint(3, 5))
    ]
    subtotal = sum(count * price for _, count, price in positions)
    tax = round(subtotal * rate / 100)
    issuer = ISSUERS[number % 4]
    fields = {
        "issuer": issuer,
        "invoice_number": (f"INV-{rng.randrange(10000, 99999)}", f"2026/{rng.randrange(1000, 9999)}")[number % 2],
        "invoice_date": issued_text,
        "due_date": due_text,
        "customer": COMPANIES[number],
        "customer_number": f"{rng.randrange(100000, 999999)}",
        "subtotal": euros(subtotal),
        "tax": euros(tax),
        "total": euros(subtotal + tax),
    }
    page = Page(800, 1100, ("sans", "pillow", "serif", "stix", "sans")[number % 5])
    y = _head(page, number, rng, fields)
    y = _positions(page, y, positions)
    for label, name in (("Subtotal", "subtotal"), (f"Tax {rate}%", "tax"), ("Total", "total")):
        y += 36 if name == "total" else 32
        bold = name == "total"
        page.text(480 if number % 2 else 430, y, label, 20, bold=bold)
        page.text(760, y, fields[name], 20, bold=bold, align="right")
    y += 60
    page.text(40, y, f"Please pay within 14 days and name {fields['invoice_number']}.", 18)

    table = [
        ["Description", "Quantity", "Unit price", "Amount"],
        *([name, str(count), money(price), money(count * price)] for name, count, price in positions),
    ]
    return Drawing(
        image=page.cut(y + 40),
        lines=page.lines(),
        questions=[*field_questions(fields, PHRASES, list(ASKED[number])), _other(number, table, rng)],
        fields=fields,
        table=table,
    )


def _head(page: Page, number: int, rng: Random, fields: dict[str, str]) -> int:
    """Draw all above the positions and return the base line reached."""
    references = [
        ("Invoice no.", fields["invoice_number"]),
        ("Invoice date", fields["invoice_date"]),
        ("Due date", fields["due_date"]),
        ("Customer no.", fields["customer_number"]),
    ]
    address = [fields["customer"], an_address(rng), CITIES[number % 5]]
    page.text(40, 70, fields["issuer"], 28, bold=True)
    page.text(760, 70, "INVOICE", 28, bold=True, align="right")
    page.text(40, 102, f"{an_address(rng)}, {CITIES[(number + 2) % 5]}", 17)
    page.rule(120, 40, 760)
    y = 168
    if number % 3 == 0:
        page.text(40, y, "Bill to", 18, bold=True)
        for row, text in enumerate(address):
            page.text(40, y + 30 * (row + 1), text, 20)
        for row, (label, value) in enumerate(references):
            page.text(450, y + 30 * row, label, 18)
            page.text(760, y + 30 * row, value, 20, align="right")
        return y + 90
    if number % 3 == 1:
        for row, (label, value) in enumerate(
            [("Bill to", address[0]), ("Address", ", ".join(address[1:])), *references]
        ):
            page.text(40, y + 32 * row, f"{label}:", 19, bold=True)
            page.text(230, y + 32 * row, value, 20)
        return y + 160
    for row, text in enumerate(address):
        page.text(40, y + 30 * row, text, 20)
    y += 112
    for column, (label, value) in enumerate(references):
        page.text(40 + 190 * column, y, label, 17, bold=True)
        page.text(40 + 190 * column, y + 30, value, 19)
    return y + 30


def _positions(page: Page, y: int, positions: list[tuple[str, int, int]]) -> int:
    y += 64
    page.draw.rectangle((40, y - 26, 760, y + 12), fill="#dddddd")
    page.text(48, y, "Description", 18, bold=True)
    for x, title in ((440, "Quantity"), (590, "Unit price"), (752, "Amount")):
        page.text(x, y, title, 18, bold=True, align="right")
    for name, count, price in positions:
        y += 38
        page.text(48, y, name, 19)
        for x, text in ((440, str(count)), (590, money(price)), (752, money(count * price))):
            page.text(x, y, text, 19, align="right")
    page.rule(y + 16, 40, 760)
    return y + 16


def _other(number: int, table: list[list[str]], rng: Random) -> Question:
    row = rng.choice(table[1:])
    amounts = {row[0]: number_of(row[3]) for row in table[1:]}
    return (
        Question("How many positions does this invoice list?", "count", str(len(amounts))),
        Question('Which position has the highest "Amount"?', "comparison", extreme(amounts, max)),
        Question(f'What is the unit price of "{row[0]}"?', "numeric", row[2]),
        Question(f'What quantity of "{row[0]}" is billed?', "numeric", row[1]),
        Question('Which position has the lowest "Amount"?', "comparison", extreme(amounts, min)),
    )[number % 5]
