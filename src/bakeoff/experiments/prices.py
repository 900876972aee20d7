"""What tokens cost: a dated file that people edit. A price that is not in it is unknown."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from bakeoff.errors import InputError

PRICES = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True)
class Price:
    """Of 1,000,000 tokens each way, in `currency`, as `source` had it on `date`."""

    name: str
    input_per_million: float
    output_per_million: float
    currency: str
    date: date
    source: str


def read_prices(path: Path = PRICES) -> dict[str, Price]:
    """The prices by name; raises InputError saying which entry and field of the file is wrong."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such price file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a price file: {error}") from error
    if not isinstance(entries, dict):
        raise InputError(f"{path} is not a price file: it holds no mapping of names to prices")
    return {str(name): _price(f"{path}: {name}", str(name), entry) for name, entry in entries.items()}


def old_price(price: Price, today: date) -> str | None:
    """What is to be said of a price that its source gave more than a year ago."""
    if (today - price.date).days <= 365:
        return None
    return (
        f"the price {price.name} is of {price.date.isoformat()}, more than a year old: look it up anew ({price.source})"
    )


def _price(where: str, name: str, entry: Any) -> Price:
    fields = ("input_per_million", "output_per_million", "currency", "date", "source")
    if not isinstance(entry, Mapping) or set(entry) != set(fields):
        raise InputError(f"{where}: a price has exactly the fields {', '.join(fields)}")
    for field in fields[:2]:
        value = entry[field]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise InputError(f"{where}: {field} is {value!r}: it must be a number of 0 or more")
    if type(entry["date"]) is not date:
        raise InputError(f"{where}: date is {entry['date']!r}: write it as 2026-05-27")
    for field in ("currency", "source"):
        if not isinstance(entry[field], str) or not entry[field].strip():
            raise InputError(f"{where}: {field} is missing: a price without it cannot be checked")
    return Price(name=name, **entry)
