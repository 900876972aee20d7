"""What a sentence states, for checking it against a passage: its values, names, content words and negation. English."""

import re
from dataclasses import dataclass

_WORDS_FOR_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: float(value) for value, word in enumerate(_WORDS_FOR_NUMBERS.split(" "))} | {
    "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0, "ninety": 90.0,
}  # fmt: skip
_UNITS = {
    "EUR": ("currency", 1), "€": ("currency", 1), "euro": ("currency", 1), "eur": ("currency", 1),
    "%": ("percent", 1), "percent": ("percent", 1), "per cent": ("percent", 1),
    "minute": ("time", 1), "min": ("time", 1), "hour": ("time", 60), "h": ("time", 60), "day": ("time", 1440),
    "week": ("time", 10080), "month": ("months", 1), "year": ("months", 12),
    "kg": ("kg", 1), "kilogram": ("kg", 1), "kilo": ("kg", 1), "g": ("kg", 0.001),
    "km": ("km", 1), "kilometre": ("km", 1), "m": ("m", 1), "metre": ("m", 1), "cm": ("cm", 1),
    "Wh": ("Wh", 1), "kWh": ("kWh", 1), "litre": ("l", 1), "ml": ("ml", 1), "MB": ("MB", 1),
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?|\b(?:{'|'.join(_NUMBER_WORDS)})\b"
_VALUE = re.compile(
    rf"""\b(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d\d))?\s?(?P<half>[ap]\.?m\b\.?)
      | \b(?P<hour24>\d{{1,2}}):(?P<minute24>\d\d)\b
      | (?P<currency>\bEUR|€)\s?(?P<amount>{_NUMBER})
      | (?<![\w.])(?P<number>{_NUMBER})(?:[\s-]?(?:(?:working|full)\s)?(?P<unit>{_UNIT})s?(?!\w))?
      | \bhalf\s(?:an\s)?(?P<halfhour>hour)\b
      | \b(?P<share>half)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_NEGATION = re.compile(
    r"\b(?:not|no|none|never|neither|nor|cannot|without|nobody|nothing|only|except|forbidden|prohibited|banned|refused)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_FREE = re.compile(
    r"\b(?:free of charge|(?:at no|without|without an?|without any) (?:charge|cost|fee)|costs? nothing|for nothing)\b",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"^(?:yes|no)\b[,.!:;]?\s*", re.IGNORECASE)
_CLAUSE_END = re.compile(r"\s*[,;:]\s+(?:and\s|but\s|or\s|while\s|which\s)?|\s+(?:and|but|or|while)\s+")
_FUNCTION_WORDS = (
    "a about after again all also am an and any are as at be because been before being both but by can could "
    "did do does each either else every for from get gets getting give gives given had has have having he her "
    "here him his how i if in into is it its itself just may me might more most must my need needs no nor not "
    "of on one only or other our out over own per shall she should since so some such than that the their them "
    "then there these they this those through to too under until up upon us very via want was we were what "
    "when where which while who whom whose why will with within without would yes you your"
)
_STOP_WORDS = frozenset(_FUNCTION_WORDS.split(" "))


@dataclass(frozen=True)
class Value:
    """A number with what it counts: `currency`, `percent`, `clock`, `time`, `kg`, ..., or "" for a bare number.

    Minutes, hours, days and weeks are all `time` in minutes, months and years `months`, and a clock time the minutes
    since midnight, so that "two weeks" equals "14 days" and "8 pm" equals "20:00". bare: the number as written.
    """

    kind: str
    number: float
    bare: float

    def __str__(self) -> str:
        if self.kind == "clock":
            return f"{self.number // 60:.0f}:{self.number % 60:02.0f}"
        return f"{self.bare:g} ({self.kind})" if self.kind else f"{self.bare:g}"

    def equals(self, other: "Value") -> bool:
        """Same number of the same kind; a bare number equals what it would be with the other's unit."""
        if self.kind == other.kind:
            return self.number == other.number
        return "" in (self.kind, other.kind) and self.bare == other.bare


def values_in(text: str) -> list[Value]:
    """The numbers of a text in figures or words, with their units; a lone "one" counts only with a unit."""
    found = []
    for match in _VALUE.finditer(text):
        if match["hour"] or match["hour24"]:
            hour = int(match["hour"] or match["hour24"])
            if match["half"]:
                hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
            minutes = 60.0 * hour + int(match["minute"] or match["minute24"] or 0)
            found.append(Value("clock", minutes, minutes))
        elif match["amount"]:
            found.append(Value("currency", _number(match["amount"]), _number(match["amount"])))
        elif match["number"]:
            bare, (kind, factor) = _number(match["number"]), _unit(match["unit"])
            if kind or match["number"].lower() != "one":
                found.append(Value(kind, bare * factor, bare))
        else:
            found.append(Value("time", 30.0, 30.0) if match["halfhour"] else Value("percent", 50.0, 50.0))
    return found


def _number(text: str) -> float:
    word = text.casefold()  # a long s matches an s, too
    return _NUMBER_WORDS[word] if word in _NUMBER_WORDS else float(text.replace(",", ""))


def _unit(text: str | None) -> tuple[str, float]:
    if not text:
        return "", 1
    return _UNITS.get(text) or _UNITS.get(text.lower()) or ("", 1)


def without_values(text: str) -> str:
    """The text with a space for each value."""
    return _VALUE.sub(" ", text)


def content_words(text: str) -> list[str]:
    """Words in lower case without function words, values and repeats, in their order."""
    words = (word.lower() for word in _WORD.findall(without_values(text)))
    return list(dict.fromkeys(word for word in words if word not in _STOP_WORDS))


def stem(word: str) -> str:
    """A word without the commonest English endings: enough to match "bags" with "bag" and "closes" with "closed"."""
    for endings in (("'s", "’s", "s"), ("ed", "ing", "ie", "e", "y")):
        for ending in endings:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                word = word[: -len(ending)]
                break
    return word


def names_in(text: str) -> list[str]:
    """Capitalised words and codes that do not open the text, lower case: ["halvia"] for "You may enter Halvia"."""
    plain = without_values(text)
    words = list(_WORD.finditer(plain))
    opens = bool(words) and not text[: words[0].start()].strip(" \"'“‘(")
    names = (match[0] for match in words[1 if opens else 0 :])
    return list(dict.fromkeys(name.lower() for name in names if name[0].isupper() and name not in ("I", "EUR")))


def is_negated(text: str) -> bool:
    """Whether a text says not, no, never, only, except, forbidden or the like; an opening "No," does not count."""
    return bool(_NEGATION.search(_FREE.sub("free", without_yes_or_no(text))))


def without_yes_or_no(text: str) -> str:
    """The text without the Yes or No that opens it."""
    return _YES_NO.sub("", text)


def clauses(text: str) -> list[str]:
    """The text cut at commas, semicolons, colons and at and, but, or, while."""
    return [part for part in _CLAUSE_END.split(text) if part.strip()]
