"""Write train.jsonl: `python data/finetune/generator/make_train.py`, the same bytes every time."""

import json
import random
import re
from pathlib import Path

from templates import BACKGROUND, CLOSINGS, COUNTRIES, FILLERS, INTENTS, OPENINGS, PLACES, RELAXED, URGENT

ROWS_FOR_EACH = 64
SEED = 20261128
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def main() -> None:
    chance = random.Random(SEED)
    rows, seen = [], set()
    for intent, text in INTENTS.items():
        templates = text.strip().splitlines()
        made = 0
        while made < ROWS_FOR_EACH:
            urgency, template = templates[made % len(templates)].split(" ", 1)
            message, entities, urgency = write_message(chance, template, urgency)
            if message.lower() in seen:
                continue
            seen.add(message.lower())
            answer = {"intent": intent, "entities": entities, "urgency": urgency}
            rows.append({"message": message, "answer": json.dumps(answer, ensure_ascii=False)})
            made += 1
    chance.shuffle(rows)
    with (Path(__file__).parents[1] / "train.jsonl").open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows, start=1):
            file.write(json.dumps({"id": f"train-{number:04}", **row}, ensure_ascii=False) + "\n")


def write_message(chance: random.Random, template: str, urgency: str) -> tuple[str, dict[str, str], str]:
    """A message, its entities in the order of the answer, and its urgency."""
    sentences = [template]
    roll = chance.random()
    if urgency == "normal" and roll < 0.10:
        urgency = "high"
        sentences.append(chance.choice(URGENT))
    elif urgency == "normal" and roll < 0.17:
        urgency = "low"
        sentences.append(chance.choice(RELAXED))
    if chance.random() < 0.3:
        sentences.insert(chance.choice([0, len(sentences)]), chance.choice(BACKGROUND))
    if chance.random() < 0.35:
        sentences.insert(0, chance.choice(OPENINGS))
    if chance.random() < 0.3:
        sentences.append(chance.choice(CLOSINGS))
    text = re.sub(r"<(\w+)>", lambda match: chance.choice(FILLERS[match[1]].split("|")), " ".join(sentences))
    text = text.replace("{n}", chance.choice(["one seat", "two seats", "3 seats", "a cabin", "two adults"]))
    values = entity_values(chance)
    style = chance.random()
    if style < 0.12:
        text = text.lower().rstrip(".")
        values = {slot: value.lower() for slot, value in values.items()}
    elif style < 0.17:
        text = text.upper()
        values = {slot: value.upper() for slot, value in values.items()}
    elif style < 0.30:
        text = with_typos(chance, text)
    used = [slot.lower() for slot in re.findall(r"\{(\w+)\}", text)]
    text = re.sub(r"\{(\w+)\}", lambda match: values[match[1].lower()], text)
    names = {"country": "to", "soon": "date"}
    entities = {
        names.get(slot, slot): values[slot]
        for slot in ("booking", "from", "to", "country", "date", "soon", "amount")
        if slot in used
    }
    return text, entities, urgency


def entity_values(chance: random.Random) -> dict[str, str]:
    start, end = chance.sample(PLACES, 2)
    return {
        "booking": "".join(chance.choices(LETTERS, k=6)),
        "from": start,
        "to": end,
        "country": chance.choice(COUNTRIES),
        "date": date(chance),
        "soon": chance.choice(["today", "tomorrow"]),
        "amount": amount(chance),
    }


def date(chance: random.Random) -> str:
    day, month, weekday = chance.randint(1, 28), chance.choice(MONTHS), chance.choice(DAYS)
    ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
    forms = [
        f"{day} {month}",
        f"{day} {month}",
        f"{month} {day}",
        f"{weekday} {day} {month}",
        f"the {day}{ending} of {month}",
    ]
    return chance.choice([*forms, f"next {weekday}", weekday, f"{day}.{MONTHS.index(month) + 1}."])


def amount(chance: random.Random) -> str:
    number = chance.choice([chance.randint(5, 99), chance.randint(100, 999), chance.randint(10, 60) * 25])
    return chance.choice([f"EUR {number}", f"EUR {number}", f"{number} euros", f"€{number}", f"EUR {number}.50"])


def with_typos(chance: random.Random, text: str) -> str:
    """One or two words with two letters swapped or one dropped; slots stay whole."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    for i in chance.sample(long, min(len(long), chance.randint(1, 2))):
        word, at = words[i], chance.randint(1, len(words[i]) - 3)
        words[i] = word[:at] + chance.choice([word[at + 1] + word[at], word[at + 1]]) + word[at + 2 :]
    return " ".join(words)


if __name__ == "__main__":
    main()
