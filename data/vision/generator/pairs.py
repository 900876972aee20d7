"""Questions that need two pictures."""

from itertools import pairwise
from typing import Any

from .drawing import aliases, number_of
from .words import euros

Row = dict[str, Any]


def pair_rows(truth: list[Row]) -> list[Row]:
    """Twelve rows like those of questions/input.jsonl, but with a list for `image` and for `image_id`."""
    by_id = {row["id"]: row for row in truth}
    rows = []
    for first, second in pairwise(by_id[f"receipt-{number:02d}"] for number in range(5)):
        totals = [cents(row["fields"]["total"]) for row in (first, second)]
        rows.append(
            _row((first, second), "numeric", "What is the sum of the totals of both receipts?", euros(sum(totals)))
        )
    for first, second in pairwise(by_id[f"invoice-{number:02d}"] for number in range(5)):
        dearer = max(first, second, key=lambda row: cents(row["fields"]["total"]))
        question = "Which customer has to pay the higher total?"
        rows.append(_row((first, second), "comparison", question, dearer["fields"]["customer"]))
    forms = [row for row in truth if row["kind"] == "form" and row["degradation"] != "none"]
    for number, degraded in enumerate(forms[:4]):
        other = by_id[degraded["base"] if number % 2 == 0 else "form-09"]
        same = other["fields"]["booking_code"] == degraded["fields"]["booking_code"]
        question = "Do both forms have the same booking code?"
        rows.append(_row((other, degraded), "yes_no", question, "Yes" if same else "No"))
    return [{"id": f"pair-{number:03d}", **row} for number, row in enumerate(rows, start=1)]


def cents(amount: str) -> int:
    return round(number_of(amount) * 100)


def _row(pair: tuple[Row, Row], question_type: str, question: str, answer: str) -> Row:
    return {
        "category": pair[0]["kind"],
        "image": [{"data:image/png;path": row["file"]} for row in pair],
        "image_id": [row["id"] for row in pair],
        "degradation": pair[1]["degradation"],
        "question": question,
        "question_type": question_type,
        "chat_history": [],
        "ground_truth": answer,
        "aliases": aliases(answer),
        "fields": {},
        "text": "\n\n".join(row["text"] for row in pair),
    }
