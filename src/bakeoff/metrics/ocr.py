"""How far a text that OCR read is from the true text: character and word error rate.

Both texts are brought to Unicode NFC, and every run of white space, line ends too, becomes one space; case and
punctuation count. So the rates say whether the right characters came in the right order, not how the lines broke.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from bakeoff.metrics.edit_distance import edit_distance


@dataclass(frozen=True)
class ErrorCount:
    """Edits between a text and the truth, and the length of the truth, both in characters or both in words."""

    errors: int
    length: int

    @property
    def rate(self) -> float:
        """Errors for each character or word of the truth: 0 is perfect, above 1 where too much was read.

        For an empty truth it is the number of errors, so 0 for an empty text, as jiwer 4 has it.
        """
        return self.errors / max(self.length, 1)


def character_errors(text: str, truth: str) -> ErrorCount:
    """Edits of code points; `.rate` is the character error rate (CER).

    Source: CER and WER are (substitutions + deletions + insertions) / length of the truth, as in Morris, Maier and
    Green 2004, "From WER and RIL to MER and WIL", and in jiwer.
    """
    text, truth = normalize_text(text), normalize_text(truth)
    return ErrorCount(edit_distance(text, truth), len(truth))


def word_errors(text: str, truth: str) -> ErrorCount:
    """Edits of words between white space; `.rate` is the word error rate (WER). Source: see `character_errors`."""
    words, true_words = normalize_text(text).split(), normalize_text(truth).split()
    return ErrorCount(edit_distance(words, true_words), len(true_words))


def total_errors(counts: Iterable[ErrorCount]) -> ErrorCount:
    """The counts added up; its `.rate` is the corpus error rate, in which long texts weigh more."""
    counts = list(counts)
    return ErrorCount(sum(count.errors for count in counts), sum(count.length for count in counts))


def normalize_text(text: str) -> str:
    """Unicode NFC, single spaces, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())
