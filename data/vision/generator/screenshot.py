"""Screens of invented programs: a booking in a phone app, a dialog, a chat, a departures board."""

from random import Random

from .drawing import Drawing, Question, field_questions
from .page import Page
from .words import CITIES, PEOPLE, a_code, a_date, a_time, euros, long_date

DIALOGS = (
    ("Upload failed", "The file holiday.pdf is larger than 20 MB.", "Choose a smaller file or", "split it into parts.",
     "Retry"),
    ("Session expired", "You were away for 30 minutes.", "Sign in again to continue", "booking LK 630.", "Sign in"),
    ("Update ready", "Version 4.2.1 can be installed now.", "The app restarts and keeps", "your 3 saved trips.",
     "Install"),
)  # fmt: skip
DIALOG_QUESTIONS = (
    Question("Which button does the dialog offer besides Cancel?", "text", "Retry"),
    Question("After how many minutes away did the session expire?", "numeric", "30"),
    Question("Which version can be installed?", "text", "4.2.1"),
)
ERROR_CODES = ("E-2071", "E-4408", "I-1150")
CHATS = (
    (("You", "Can I bring my cello on LK 410?"), ("Larkspur", "Yes, on a seat of its own."),
     ("You", "What does that seat cost?"), ("Larkspur", "It costs EUR 95.00."), ("You", "Great, please book it.")),
    (("You", "Is the lift at Hollin working?"), ("Larkspur", "Sorry, there is no lift there."),
     ("You", "Where can I change instead?"), ("Larkspur", "Please change at Brennick.")),
    (("You", "My bag did not arrive."), ("Larkspur", "Your case number is 55182."),
     ("You", "When will it come?"), ("Larkspur", "Tomorrow before 18:00.")),
)  # fmt: skip
CHAT_QUESTIONS = (
    Question("What does the extra seat cost?", "numeric", "EUR 95.00"),
    Question("Where should the traveller change trains?", "text", "Brennick"),
    Question("What is the case number?", "text", "55182"),
)
BOARDS = (("Departures", "Train"), ("Arrivals", "Train"), ("Departures", "Ferry"))
STATES = ("on time", "delayed", "boarding", "cancelled", "on time")


def draw(number: int, rng: Random) -> Drawing:
    """Screen `number`: bookings, dialogs, chats and boards in turn."""
    return (_booking, _dialog, _chat, _board)[number % 4](number // 4, rng)


def _booking(number: int, rng: Random) -> Drawing:
    start, end = rng.sample(CITIES, 2)
    fields = {
        "booking_code": a_code(rng),
        "traveller": PEOPLE[number * 3],
        "from": start,
        "to": end,
        "date": long_date(a_date(rng)),
        "departs": a_time(rng),
        "seat": f"{rng.randrange(2, 30)}{rng.choice('ACDF')}",
        "price": euros(rng.randrange(1500, 30000, 50)),
    }
    ink, background, bar = (("#16202a", "#f3f6f9", "#2b5d8c"), ("#f0f0f0", "#1c2127", "#35506b"))[number % 2]
    page = Page(480, 800, ("sans", "pillow")[number % 2], ink, background)
    page.draw.rectangle((0, 0, 480, 96), fill=bar)
    page.text(24, 30, a_time(rng), 16, ink="#ffffff")
    page.text(456, 30, f"{rng.randrange(20, 99)}%", 16, align="right", ink="#ffffff")
    page.text(24, 78, "My trips", 28, bold=True, ink="#ffffff")
    for row, (name, value) in enumerate(fields.items()):
        y = 148 + 60 * row
        page.text(24, y, name.replace("_", " ").capitalize(), 19)
        page.text(456, y, value, 21, bold=True, align="right")
        page.rule(y + 22, 24, 456, width=1, ink="#8a949e")
    page.draw.rounded_rectangle((24, 640, 456, 700), 12, fill=bar)
    page.text(240, 678, "Show boarding pass", 22, align="middle", ink="#ffffff")
    phrases = {
        "booking_code": "What is the booking code?",
        "seat": "Which seat is booked?",
        "price": "What is the price of the trip?",
        "departs": "At what time does the trip depart?",
    }
    asked = (("booking_code", "price"), ("seat", "departs"), ("price", "booking_code"))[number]
    town, answer = ((end, "Yes"), (start, "No"))[number % 2]
    other = Question(f"Does the trip go to {town}?", "yes_no", answer)
    return Drawing(page.cut(730), page.lines(), [*field_questions(fields, phrases, list(asked)), other], fields)


def _dialog(number: int, _: Random) -> Drawing:
    title, *body, button = DIALOGS[number]
    page = Page(760, 420, ("pillow", "sans", "serif")[number], "#202020", "#b8c4d0")
    page.draw.rounded_rectangle((80, 40, 680, 370), 10, fill="#ffffff")
    page.draw.rectangle((80, 40, 680, 96), fill="#e3e8ee")
    page.text(104, 78, title, 24, bold=True)
    for row, text in enumerate(body):
        page.text(104, 150 + 38 * row, text, 22)
    page.text(104, 268, f"Code: {ERROR_CODES[number]}", 18, ink="#555555")
    for left, label, fill, ink in ((350, "Cancel", "#e3e8ee", "#202020"), (520, button, "#2b5d8c", "#ffffff")):
        page.draw.rounded_rectangle((left, 300, left + 140, 350), 8, fill=fill)
        page.text(left + 70, 332, label, 20, align="middle", ink=ink)
    fields = {"title": title, "code": ERROR_CODES[number]}
    questions = field_questions(fields, {"code": "Which code does the dialog show?"}, ["code"])
    return Drawing(page.cut(420), page.lines(), [*questions, DIALOG_QUESTIONS[number]], fields)


def _chat(number: int, rng: Random) -> Drawing:
    messages = CHATS[number]
    page = Page(520, 800, ("sans", "pillow", "sans")[number], "#1a1a1a", "#ffffff")
    page.draw.rectangle((0, 0, 520, 70), fill="#2f6b4f")
    page.text(24, 46, "Larkspur Travel help", 24, bold=True, ink="#ffffff")
    y = 120
    times = sorted(a_time(rng) for _ in messages)
    for (sender, text), time in zip(messages, times, strict=True):
        mine = sender == "You"
        left = 90 if mine else 20
        page.draw.rounded_rectangle((left, y - 24, left + 410, y + 58), 14, fill="#d8ecdf" if mine else "#ececec")
        page.text(left + 16, y, sender, 15, bold=True, ink="#444444")
        page.text(left + 394, y, time, 15, align="right", ink="#444444")
        page.text(left + 16, y + 36, text, 20)
        y += 106
    count = Question(
        "How many messages did the traveller (You) write?", "count", str([s for s, _ in messages].count("You"))
    )
    table = [["Sender", "Message"], *([sender, text] for sender, text in messages)]
    return Drawing(page.cut(y - 10), page.lines(), [CHAT_QUESTIONS[number], count], table=table)


def _board(number: int, rng: Random) -> Drawing:
    title, vehicle = BOARDS[number % 3]
    page = Page(820, 480, ("mono", "sans")[number % 2], "#ffd75e", "#101418")
    page.text(30, 56, title, 30, bold=True, ink="#ffffff")
    page.text(790, 56, a_time(rng), 26, align="right", ink="#ffffff")
    towns = rng.sample(CITIES, 5)
    header = ["Time", vehicle, "Town", "Track", "State"]
    times = sorted(a_time(rng) for _ in towns)
    table = [
        header,
        *(
            [time, f"{vehicle[0]}{rng.randrange(100, 999)}", town, str(rng.randint(2, 9)), state]
            for time, town, state in zip(times, towns, rng.sample(STATES, 5), strict=True)
        ),
    ]
    for index, cells in enumerate(table):
        for x, cell in zip((30, 150, 290, 500, 630), cells, strict=True):
            page.text(x, 120 + 56 * index, cell, 22, bold=index == 0, ink="#ffffff" if index == 0 else None)
    row = rng.choice(table[1:])
    delayed = next(row for row in table if row[4] == "delayed")
    look_up = Question(f'What stands in column "Track" for "{row[1]}"?', "numeric", row[3])
    state = Question('Which town has the state "delayed"?', "text", delayed[2])
    return Drawing(page.cut(440), page.lines(), [look_up, state], table=table)
