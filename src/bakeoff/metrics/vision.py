"""Answers about pictures, as published: ANLS, relaxed accuracy; and exact match of values and of key-value fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.errors import InputError
from bakeoff.metrics.edit_distance import edit_distance
from bakeoff.metrics.ocr import normalize_text


def normalize_value(text: str) -> str:
    """Unicode NFC, case folded, single spaces, no full stop at the end.

    Punctuation inside stays, unlike in SQuAD's normalisation, which makes "12.50" and "1250" or "-5" and "5" equal.
    """
    return normalize_text(text).casefold().rstrip(". ")


def exact_match(answer: str, references: Sequence[str]) -> bool:
    """Whether the answer equals any reference after `normalize_value`."""
    return normalize_value(answer) in {normalize_value(reference) for reference in references}


def anls(answer: str, references: Sequence[str], threshold: float = 0.5) -> float:
    """Normalised Levenshtein similarity to the nearest reference, 0 to 1; below the threshold it is 0.

    Its mean over questions is ANLS. Texts are lower-cased and their white space collapsed; the distance is divided by
    the longer length. Source: Biten et al. 2019, arXiv:1907.00490, equation 1, as in the DocVQA evaluation script of
    the Robust Reading Competition (rrc.cvc.uab.es, challenge 17), which keeps a similarity of exactly 0.5 where the
    equation drops it. One difference: the script divides by the lengths before white space is collapsed, so padding
    would raise a score. 0 without references.
    """
    similarity = max((_similarity(_anls_text(answer), _anls_text(reference)) for reference in references), default=0.0)
    return similarity if similarity >= threshold else 0.0


def _anls_text(text: str) -> str:
    return " ".join(text.lower().split())


def _similarity(first: str, second: str) -> float:
    return 1 - edit_distance(first, second) / max(len(first), len(second), 1)


def relaxed_correct(answer: str, references: Sequence[str], tolerance: float = 0.05) -> bool:
    """Whether the answer is a number within 5 % of a reference, or else the same text but for case.

    Its mean over questions is ChartQA's relaxed accuracy. "96%" is 0.96, so it matches "0.96" and not "96"; numbers
    are what Python's `float` reads, so "1,234" and "$5" are text; a reference of zero needs the same text. White space
    around the texts is dropped first. Source: Masry et al. 2022, arXiv:2203.10244, section 5.1, as
    `relaxed_correctness` of google-research/pix2struct (pix2struct/metrics.py at 5b086ef), which lmms-eval took over.
    """
    return any(_relaxed_pair(answer.strip(), reference.strip(), tolerance) for reference in references)


def _relaxed_pair(answer: str, reference: str, tolerance: float) -> bool:
    answered, expected = _number(answer), _number(reference)
    if answered is not None and expected:
        return abs(answered - expected) / abs(expected) <= tolerance
    return answer.lower() == reference.lower()


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class FieldScore:
    """Counts of fields: read right, read wrong, expected but missing, and given though not expected (spurious)."""

    right: int
    wrong: int
    missing: int
    spurious: int

    @property
    def accuracy(self) -> float:
        """Share of the expected fields that are right; 0 without expected fields. Spurious fields do not lower it."""
        return self.right / max(self.right + self.wrong + self.missing, 1)

    @property
    def precision(self) -> float:
        """Share of the given fields that are right; 0 where none was given."""
        return self.right / max(self.right + self.wrong + self.spurious, 1)


def score_fields(fields: Mapping[str, Any], expected: Mapping[str, Any]) -> FieldScore:
    """Compare extracted fields with the expected ones, name by name, names and values after `normalize_value`.

    Values are strings or numbers (compared as Python prints them); an expected value may be a list of accepted ones.
    A value that is None or blank counts as not there, on both sides. Raises InputError for a value of another type,
    and for two names that are equal after normalisation.
    """
    given = {name: _text(name, value) for name, value in _by_name(fields).items()}
    given = {name: text for name, text in given.items() if text}
    wanted = {name: _texts(name, value) for name, value in _by_name(expected).items()}
    wanted = {name: texts for name, texts in wanted.items() if texts}
    right = sum(given.get(name) in texts for name, texts in wanted.items())
    return FieldScore(
        right=right,
        wrong=len(wanted.keys() & given.keys()) - right,
        missing=len(wanted.keys() - given.keys()),
        spurious=len(given.keys() - wanted.keys()),
    )


def _by_name(fields: Mapping[str, Any]) -> dict[str, Any]:
    named = {normalize_value(str(name)): value for name, value in fields.items()}
    if len(named) < len(fields):
        raise InputError(f"two of the fields {', '.join(fields)} differ in case, white space or a full stop only")
    return named


def _texts(name: str, value: Any) -> set[str]:
    accepted = value if isinstance(value, list | tuple) else [value]
    return {text for one in accepted if (text := _text(name, one))}


def _text(name: str, value: Any) -> str:
    if value is not None and not isinstance(value, str | int | float):
        raise InputError(f"field {name!r} has a {type(value).__name__} as its value: give a string or a number")
    return "" if value is None else normalize_value(str(value))
