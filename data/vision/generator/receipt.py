"""Till receipts of ten invented shops: narrow paper, items with right-aligned amounts, a total."""

from random import Random

from .drawing import Drawing, Question, extreme, field_questions, number_of
from .page import Page
from .words import CITIES, a_date, a_time, an_address, euros, long_date, money

SHOPS = (
    ("Harbour Bakery", ("Rye loaf", "Seed roll", "Plum tart", "Oat biscuit", "Filter coffee", "Apple juice")),
    ("Fernlow Books", ("Pocket atlas", "Bird guide", "Night ferry novel", "Blank notebook", "Town map", "Pencil set")),
    ("Sea Holly Deck Bar", ("Fish soup", "Cheese plate", "Lemonade", "Black tea", "Potato salad", "Ginger cake")),
    ("Moss and Pepper", ("Mushroom pie", "Green salad", "Tomato soup", "Sparkling water", "Pear cake", "Espresso")),
    ("Tarn Hardware", ("Wood screws", "Wall paint 2 l", "Brush 50 mm", "Door hinge", "Sand paper", "Work gloves")),
    ("Lantern Pharmacy", ("Cough drops", "Sun cream", "Plasters", "Hand balm", "Tooth brush", "Lip care")),
    (
        "Larkspur On Board",
        ("Cheese bread", "Vegetable wrap", "Still water", "Hot cocoa", "Nut mix", "Travel pillow"),
    ),
    ("Copper Yard Grocer", ("Carrots 1 kg", "Brown rice", "Olive oil", "Eggs, ten", "Rolled oats", "Honey jar")),
    ("Quill and Ink", ("Fountain pen", "Blue ink", "Letter paper", "Gift card", "Sealing wax", "Ruler 30 cm")),
    ("Mill Lane Garden", ("Clay pot 20 cm", "Lavender", "Potting soil", "Bean seeds", "Watering can", "Garden twine")),
)
TOTALS = ("TOTAL", "Total", "Amount due", "To pay")
CLOSINGS = ("Thank you for your visit", "Come again soon", "Goods may be returned in 14 days")
PAYMENTS = ("Card", "Cash", "Gift card", "Phone")
PHRASES = {
    "total": "What is the total on this receipt?",
    "date": "What is the date on this receipt?",
    "time": "At what time was this receipt printed?",
    "receipt_number": "What is the receipt number?",
    "payment": "How was this receipt paid?",
    "tax": "How much tax does this receipt show?",
    "shop": "What is the name of the shop?",
}
ASKED = (
    ("total", "date"), ("receipt_number", "total"), ("date", "payment"), ("tax", "time"), ("shop", "total"),
    ("payment", "receipt_number"), ("total", "time"), ("date", "tax"), ("total", "receipt_number"), ("shop", "date"),
)  # fmt: skip


def draw(number: int, rng: Random) -> Drawing:
    """The receipt of SHOPS[number]; quantities stand before the item, in a line of their own, or are not shown."""
    shop, goods = SHOPS[number]
    day = a_date(rng)
    total_label = TOTALS[number % 4]
    bought = [(name, rng.randint(1, 3), rng.randrange(120, 1990, 5)) for name in rng.sample(goods, rng.randint(3, 6))]
    if number % 3 == 2:
        bought = [(name, 1, price) for name, _, price in bought]
    total = sum(count * price for _, count, price in bought)
    fields = {
        "shop": shop,
        "receipt_number": f"{rng.randrange(10000, 99999)}",
        "date": (long_date(day), f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}")[number % 3],
        "time": a_time(rng),
        "tax": euros(round(total * 7 / 107)),
        "total": euros(total),
        "payment": rng.choice(PAYMENTS),
    }

    page = Page(rng.choice((460, 500, 540)), 1200, ("mono", "sans", "pillow", "serif", "stix")[number % 5])
    left, right, middle = 30, page.width - 30, page.width // 2
    size = rng.choice((20, 21, 22))
    step = round(size * 1.6)
    y = _head(page, number, size, f"{an_address(rng)}, {CITIES[number % 5]}", fields)
    page.rule(y + 18, left, right)
    y += 18 + step
    for name, count, price in bought:
        if number % 3 == 1:
            page.text(left, y, name, size)
            y += step
            page.text(left + 30, y, f"{count} x {money(price)}", size)
        else:
            page.text(left, y, f"{count} {name}" if number % 3 == 0 else name, size)
        page.text(right, y, money(count * price), size, align="right")
        y += step
    page.rule(y - step + 16, left, right)
    y += 14
    page.text(left, y, "Tax 7% included", size)
    page.text(right, y, fields["tax"], size, align="right")
    y += step + 6
    page.text(left, y, total_label, size + 4, bold=True)
    page.text(right, y, fields["total"], size + 4, bold=True, align="right")
    y += step + 4
    page.text(left, y, "Paid by", size)
    page.text(right, y, fields["payment"], size, align="right")
    y += step + 20
    page.text(middle, y, CLOSINGS[number % 3], size - 2, align="middle")

    table = [["Item", "Amount"], *([name, money(count * price)] for name, count, price in bought)]
    return Drawing(
        image=page.cut(y + 40),
        lines=page.lines(),
        questions=[*field_questions(fields, PHRASES, list(ASKED[number])), _other(number, table, fields, rng)],
        fields=fields,
        table=table,
    )


def _head(page: Page, number: int, size: int, address: str, fields: dict[str, str]) -> int:
    """Draw all above the items and return the base line reached."""
    left, right, middle = 30, page.width - 30, page.width // 2
    step = round(size * 1.6)
    y = 60
    page.text(middle, y, fields["shop"], size + 8, bold=True, align="middle")
    y += step
    page.text(middle, y, address, size - 2, align="middle")
    y += step + 10
    if number % 2:
        page.text(left, y, f"Receipt no. {fields['receipt_number']}", size)
        y += step
        page.text(left, y, fields["date"], size)
        page.text(right, y, fields["time"], size, align="right")
    else:
        for label, name in (("Receipt", "receipt_number"), ("Date", "date"), ("Time", "time")):
            page.text(left, y, f"{label}:", size)
            page.text(right, y, fields[name], size, align="right")
            y += step
        y -= step
    return y


def _other(number: int, table: list[list[str]], fields: dict[str, str], rng: Random) -> Question:
    amounts = {name: number_of(amount) for name, amount in table[1:]}
    name, amount = rng.choice(table[1:])
    return (
        Question("How many different items are listed?", "count", str(len(amounts))),
        Question("Which item has the highest amount?", "comparison", extreme(amounts, max)),
        Question(f'What is the amount in the line "{name}"?', "numeric", amount),
        Question("Which item has the lowest amount?", "comparison", extreme(amounts, min)),
        Question("Was this receipt paid by card?", "yes_no", "Yes" if fields["payment"] == "Card" else "No"),
    )[number % 5]
