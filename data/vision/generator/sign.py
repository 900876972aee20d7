"""Signs and notices at stations, airports, harbours and shops, written one by one."""

from dataclasses import dataclass
from random import Random

from .drawing import Drawing, Question, field_questions
from .page import Page

Line = tuple[int, bool, str] | tuple[int, bool, str, str]


@dataclass(frozen=True)
class Sign:
    """lines: size, bold, and a text in the middle or two texts at the left and right edge."""

    colours: tuple[str, str]
    family: str
    lines: tuple[Line, ...]
    fields: dict[str, str]
    phrases: dict[str, str]
    other: Question


SIGNS = (
    Sign(
        ("#ffffff", "#123a6b"),
        "sans",
        ((64, True, "Gate B14"), (34, False, "Flight LK 410 to Dorvale"), (34, False, "Boarding", "08:55"),
         (34, False, "Gate closes", "09:05")),
        {"gate": "B14", "flight": "LK 410", "destination": "Dorvale", "boarding": "08:55", "gate_closes": "09:05"},
        {"gate": "Which gate is this?", "gate_closes": "When does the gate close?"},
        Question("Does this flight go to Dorvale?", "yes_no", "Yes"),
    ),
    Sign(
        ("#ffffff", "#1c5a38"),
        "pillow",
        ((58, True, "Platform 6"), (34, False, "Express to Brennick"), (30, False, "Departs", "10:25"),
         (30, False, "Coaches A to F stop in sector 2")),
        {"platform": "6", "destination": "Brennick", "departs": "10:25", "sector": "2"},
        {"platform": "Which platform does the train leave from?", "departs": "When does the train depart?"},
        Question("Which town does the express go to?", "text", "Brennick"),
    ),
    Sign(
        ("#111111", "#ffffff"),
        "serif",
        ((44, True, "Harbour Bakery"), (30, False, "Opening hours"), (30, False, "Monday to Friday", "06:30 - 18:00"),
         (30, False, "Saturday", "07:00 - 14:00"), (30, False, "Sunday", "closed")),
        {"shop": "Harbour Bakery", "weekdays": "06:30 - 18:00", "saturday": "07:00 - 14:00", "sunday": "closed"},
        {"saturday": "What are the opening hours on Saturday?", "shop": "What is the name of the shop?"},
        Question("Is the shop open on Sunday?", "yes_no", "No"),
    ),
    Sign(
        ("#111111", "#f4c430"),
        "sans",
        ((60, True, "CAUTION"), (38, True, "Wet floor"), (28, False, "Use the stairs on the left"),
         (28, False, "Help desk: call 4417")),
        {"help_desk": "4417"},
        {"help_desk": "Which number reaches the help desk?"},
        Question("What danger does the sign warn of?", "text", "Wet floor"),
    ),
    Sign(
        ("#ffffff", "#1d4f91"),
        "stix",
        ((52, True, "P3 Mid Stay Parking"), (34, False, "First hour", "EUR 2.50"), (34, False, "One day", "EUR 16.00"),
         (34, False, "One week", "EUR 84.00"), (30, False, "Height limit 2.0 m")),
        {"car_park": "P3", "first_hour": "EUR 2.50", "one_day": "EUR 16.00", "one_week": "EUR 84.00",
         "height_limit": "2.0 m"},
        {"one_day": "What does one day of parking cost?", "height_limit": "What is the height limit?"},
        Question("How many prices are shown?", "count", "3"),
    ),
    Sign(
        ("#ffffff", "#7a1f1f"),
        "sans",
        ((50, True, "No entry"), (34, False, "Staff only beyond this door"), (30, False, "Deliveries: use dock 5"),
         (30, False, "Bell code", "7302")),
        {"dock": "5", "bell_code": "7302"},
        {"dock": "Which dock do deliveries use?", "bell_code": "What is the bell code?"},
        Question("Who may go beyond this door?", "text", "Staff only"),
    ),
    Sign(
        ("#123a3a", "#e6f2f2"),
        "pillow",
        ((46, True, "Ferry to Tarn Harbour"), (34, False, "Pier 3"), (30, False, "Summer", "10:40 and 19:20"),
         (30, False, "Winter", "10:20"), (26, False, "No sailing on 25 December")),
        {"pier": "3", "summer": "10:40 and 19:20", "winter": "10:20"},
        {"pier": "Which pier does the ferry leave from?", "winter": "When does the ferry leave in winter?"},
        Question("Does the ferry sail on 25 December?", "yes_no", "No"),
    ),
    Sign(
        ("#222222", "#efe6d2"),
        "serif",
        ((46, True, "The Garden Room"), (30, False, "Lounge, Terminal 2, upper floor"),
         (30, False, "Open", "05:30 to 21:30"), (30, False, "Entry at the door", "EUR 32.00"),
         (30, False, "Entry in the app", "EUR 27.00")),
        {"lounge": "The Garden Room", "terminal": "2", "open": "05:30 to 21:30", "door_price": "EUR 32.00",
         "app_price": "EUR 27.00"},
        {"door_price": "What does entry at the door cost?", "open": "When is the lounge open?"},
        Question("Which is cheaper, entry at the door or entry in the app?", "comparison", "Entry in the app"),
    ),
    Sign(
        ("#ffffff", "#3b2a63"),
        "sans",
        ((50, True, "Town Museum"), (30, False, "Adults", "EUR 9.50"), (30, False, "Students", "EUR 6.00"),
         (30, False, "Children under 7", "free"), (28, False, "Last entry 17:15")),
        {"adults": "EUR 9.50", "students": "EUR 6.00", "children": "free", "last_entry": "17:15"},
        {"students": "What do students pay?", "last_entry": "When is the last entry?"},
        Question("Which pay more, adults or students?", "comparison", "Adults"),
    ),
    Sign(
        ("#0f2d0f", "#ffffff"),
        "mono",
        ((44, True, "Road closed"), (30, False, "Lantern Street"), (28, False, "from 4 May to 22 June"),
         (28, False, "Detour by Mill Lane, 3 km")),
        {"street": "Lantern Street", "detour": "Mill Lane", "detour_length": "3 km"},
        {"street": "Which street is closed?", "detour_length": "How long is the detour?"},
        Question("Which street does the detour use?", "text", "Mill Lane"),
    ),
)  # fmt: skip


def draw(number: int, _: Random) -> Drawing:
    """The sign SIGNS[number]."""
    sign = SIGNS[number]
    ink, background = sign.colours
    page = Page(760, 900, sign.family, ink, background)
    y = 50
    for size, bold, *texts in sign.lines:
        y += round(size * 1.25)
        if len(texts) == 1:
            page.text(380, y, texts[0], size, bold, "middle")
        else:
            page.text(70, y, texts[0], size, bold)
            page.text(690, y, texts[1], size, bold, "right")
        y += round(size * 0.55)
    page.draw.rectangle((14, 14, 745, y + 35), outline=ink, width=5)
    questions = field_questions(sign.fields, sign.phrases, list(sign.phrases))
    return Drawing(page.cut(y + 50), page.lines(), [*questions, sign.other], sign.fields)
