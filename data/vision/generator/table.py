"""Tables in a frame, with rules only, or with striped rows; numbers stand right-aligned."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .drawing import Drawing, Question, extreme, number_of
from .page import Page
from .words import a_time, money


@dataclass(frozen=True)
class Topic:
    """row_names: the first column; columns: the heading of each other column and what makes a cell of it."""

    title: str
    corner: str
    row_names: tuple[str, ...]
    columns: dict[str, Callable[[Random], str]]
    asked: str


def whole(low: int, high: int) -> Callable[[Random], str]:
    return lambda rng: f"{rng.randint(low, high):,}"


def price(low: int, high: int) -> Callable[[Random], str]:
    return lambda rng: money(rng.randrange(low, high, 50))


def place(prefix: str, high: int) -> Callable[[Random], str]:
    return lambda rng: f"{prefix}{rng.randint(1, high)}"


TOPICS = (
    Topic("Fares in EUR from Aldermoor", "To", ("Port Sallow", "Saint Osk", "Quillhaven", "Brennick", "Hollin"),
          {"Advance": price(900, 2000), "Off-peak": price(2000, 4000), "Anytime": price(4000, 7000)}, "Anytime"),
    Topic("Trains leaving today", "To", ("Brennick", "Hollin", "Saint Osk", "Port Sallow", "Quillhaven", "Merrow"),
          {"Departs": a_time, "Platform": whole(2, 12), "Coaches": whole(4, 14)}, "Platform"),
    Topic("Passengers by ship", "Ship", ("Marsh Marigold", "Sea Holly", "Silver Gull", "Tern", "Grey Seal"),
          {"January": whole(1000, 3000), "April": whole(3000, 6000), "July": whole(6000, 9900)}, "July"),
    Topic("Car parks", "Car park", ("Short Stay", "Mid Stay", "Long Stay", "Staff", "Harbour", "Station"),
          {"Spaces": whole(50, 900), "Taken": whole(10, 50), "Walk in min": whole(2, 25)}, "Spaces"),
    Topic("Hotel rooms, EUR a night", "Hotel", ("Lantern House", "Sallow Inn", "Mill Court", "Old Pier", "Juniper"),
          {"Single": price(4000, 7000), "Double": price(7000, 12000), "Suite": price(12000, 30000)}, "Double"),
    Topic("Lost property last month", "Item", ("Umbrellas", "Gloves", "Phones", "Keys", "Books", "Hats", "Bags"),
          {"Found": whole(40, 190), "Returned": whole(5, 39)}, "Found"),
    Topic("Weather at the harbours", "Harbour", ("Tarn", "Merrow", "Port Sallow", "Quillhaven", "Kesh Amar"),
          {"Degrees": whole(4, 31), "Wind in km/h": whole(5, 70), "Rain in mm": whole(1, 40)}, "Wind in km/h"),
    Topic("Departures", "Flight", ("LK 410", "LK 415", "LK 520", "LK 630", "LK 635", "LK 745"),
          {"Time": a_time, "Gate": place("B", 28), "Seats": whole(120, 264)}, "Seats"),
    Topic("Canteen stock", "Food", ("Rice", "Flour", "Beans", "Onions", "Butter", "Sugar", "Coffee", "Tea"),
          {"Kilograms": whole(3, 95), "Price": price(100, 1900)}, "Kilograms"),
    Topic("Points in the office quiz", "Team", ("Booking desk", "Ferry line", "Workshop", "Kitchen", "Drivers"),
          {"Round 1": whole(2, 20), "Round 2": whole(2, 20), "Round 3": whole(2, 20), "Round 4": whole(2, 40)},
          "Round 4"),
)  # fmt: skip


def draw(number: int, rng: Random) -> Drawing:
    """The table TOPICS[number]; no two rows have the same number in the column that comparisons ask for."""
    topic = TOPICS[number]
    header = [topic.corner, *topic.columns]
    table = [header, *([name, *(make(rng) for make in topic.columns.values())] for name in topic.row_names)]
    column = header.index(topic.asked)
    while len({row[column] for row in table}) < len(table):
        for cells in table[1:]:
            cells[column] = topic.columns[topic.asked](rng)

    page = Page(760, 700, ("sans", "stix", "serif", "pillow", "mono")[number % 5])
    page.text(40, 60, topic.title, 26, bold=True)
    step = rng.choice((40, 44, 48))
    size = 20
    rights = [720 - (440 // len(topic.columns)) * count for count in reversed(range(len(topic.columns)))]
    for index, cells in enumerate(table):
        y = 120 + step * index
        if number % 3 == 0 and index % 2:
            page.draw.rectangle((30, y - 28, 730, y - 28 + step), fill="#e8e8e8")
        page.text(44, y, cells[0], size, bold=index == 0)
        for right, cell in zip(rights, cells[1:], strict=True):
            page.text(right, y, cell, size, bold=index == 0, align="right")
        if number % 3 == 1 or (number % 3 == 2 and index in (0, len(table) - 1)):
            page.rule(y + 14, 30, 730, width=1 if number % 3 == 1 else 3)
    bottom = 120 + step * len(table)
    if number % 3 == 1:
        page.draw.rectangle((30, 84, 730, bottom - step + 14), outline=page.ink, width=2)
        for right in rights[:-1]:
            page.draw.line((right + 10, 84, right + 10, bottom - step + 14), fill=page.ink)

    name, *cells = rng.choice(table[1:])
    heading, cell = rng.choice(list(zip(topic.columns, cells, strict=True)))
    values = {row[0]: number_of(row[column]) for row in table[1:]}
    chosen, word = ((max, "highest"), (min, "lowest"))[number % 2]
    look_up = Question(
        f'What stands in column "{heading}" for "{name}"?',
        "numeric" if cell.replace(",", "").replace(".", "").isdigit() else "text",
        cell,
    )
    comparison = Question(f'Which row has the {word} "{topic.asked}"?', "comparison", extreme(values, chosen))
    count = Question("How many rows does the table have, without the header?", "count", str(len(values)))
    other = count if number % 3 == 1 else comparison
    return Drawing(page.cut(bottom), page.lines(), [look_up, other], table=table)
