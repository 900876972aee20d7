"""Invented names and the spelling of amounts and dates."""

from datetime import date, timedelta
from random import Random

PEOPLE = (
    "Ines Farrowby", "Tomas Weldrake", "Maren Oxley-Holt", "Jorun Tellick", "Petra Sandlow",
    "Hugo Brackwell", "Selma Quennby", "Anders Millrace", "Rosa Thistledon", "Emil Copperway",
)  # fmt: skip
COMPANIES = (
    "Fernlow Instruments", "Aldermoor Paper Works", "Brennick Clockmakers", "Tarn Kelp Traders", "Hollin Tile Company",
    "Quillhaven Press", "Sallow Boat Yard", "Merrow Wool Mill", "Osk Valley Dairies", "Dorvale Lamp House",
)  # fmt: skip
STREETS = ("Juniper Row", "Old Mill Lane", "Harbour Steps", "Lantern Street", "Copper Yard", "Thistle Hill")
CITIES = ("Aldermoor", "Brennick", "Quillhaven", "Port Sallow", "Saint Osk")


def money(cents: int) -> str:
    """1234567 -> "12,345.67"."""
    return f"{cents // 100:,}.{cents % 100:02d}"


def euros(cents: int) -> str:
    return f"EUR {money(cents)}"


def a_date(rng: Random) -> date:
    """A day of 2026."""
    return date(2026, 1, 1) + timedelta(rng.randrange(365))


def a_time(rng: Random) -> str:
    return f"{rng.randrange(7, 22):02d}:{rng.randrange(60):02d}"


def long_date(day: date) -> str:
    """14 March 2026."""
    return f"{day.day} {day:%B %Y}"


def a_code(rng: Random) -> str:
    """Six letters and digits without those that look alike."""
    return "".join(rng.choices("ACDEFHJKMNPRTWXY34679", k=6))


def an_address(rng: Random) -> str:
    return f"{rng.randrange(2, 99)} {rng.choice(STREETS)}"
