"""Whether passages support what an answer says, without a judge: values, names, words, similarity and negation.

The definition is Bakeoff's own, made for English help-centre text where twins differ in a number; it is no entailment
model. `python perf/groundedness.py` chose its thresholds and prints how far it agrees with hand labels.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bakeoff.metrics.citations import Supports, without_citations
from bakeoff.metrics.claim_text import (
    Value,
    clauses,
    content_words,
    is_negated,
    names_in,
    stem,
    values_in,
    without_values,
    without_yes_or_no,
)
from bakeoff.metrics.evidence import Evidence, evidence_in, stems, value_clauses
from bakeoff.metrics.sentences import split_sentences

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors [texts, dimension], as `EmbeddingModel.embed`."""

_AROUND = 0.6
_SHORT_WORDS = 4
_SHORT_CONTENT_WORDS = 2


@dataclass(frozen=True)
class Thresholds:
    """Where the checks of `SupportCheck` draw the line, for all-MiniLM-L6-v2; chosen by `python perf/groundedness.py`.

    coverage: least share of a clause's content words that stand in the passages. similarity: least cosine of the
    sentence and the nearest piece of a passage. margin: by how much another piece may fit better than the one with the
    sentence's value or name.
    """

    coverage: float = 0.5
    similarity: float = 0.55
    margin: float = 0.05


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class GroundednessScore:
    """Counts of one answer: its sentences and those that the shown passages support."""

    sentences: int
    supported: int

    @property
    def share(self) -> float:
        """Share of the sentences that are supported, 0 to 1; 0 without sentences."""
        return self.supported / self.sentences if self.sentences else 0.0


def groundedness(answer: str, passages: Sequence[str], supports: Supports) -> GroundednessScore:
    """How many of an answer's sentences the shown passages, taken together, support, cited or not."""
    claims = [without_citations(sentence) for sentence in split_sentences(answer)]
    return GroundednessScore(len(claims), sum(bool(claim) and supports(claim, passages) for claim in claims))


class SupportCheck:
    """A `Supports` for one question: whether passages support a sentence; vectors are kept as long as it lives.

    A sentence is supported where nothing speaks against it:

    1. Values. Each number, amount, time or percentage of it stands in the passages, in whatever notation, or (short
       answers aside) in the question.
    2. Names. Each of its names stands in the passages.
    3. Words. In each clause, enough content words stand in the passages, common endings aside.
    4. Similarity. Some piece of a passage (a clause or table cell under its heading) is near it in meaning.
    5. Place. The piece with its value is the one that fits its words best: no piece with another value of that kind,
       nor with another name, fits them much better. The fit is the mean of the share of words found and the cosine.
    6. Negation. A clause and the piece that fits it best are both negated or both not.

    A short answer (at most four words and two content words, such as "8 kg" or "Hollin Junction") is held to 1, 2 and 5
    alone, with the question's words added in 5; all words of one without a value must stand in the passages. "Yes" and
    "No" alone say nothing that could stand there and are never supported.

    embed: called for the texts not seen before; raises what it raises. question: what the answer answers, "" where
    that is unknown.
    """

    def __init__(self, embed: Embed, question: str = "", thresholds: Thresholds = THRESHOLDS):
        self._embed = embed
        self._question = question
        self._thresholds = thresholds
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, claim: str, passages: Sequence[str]) -> bool:
        return not self.objections(claim, passages)

    def objections(self, claim: str, passages: Sequence[str]) -> list[str]:
        """What speaks against the sentence, for people; nothing where the passages support it."""
        claim = without_yes_or_no(without_citations(claim))
        evidence = [piece for passage in passages for piece in evidence_in(passage)]
        if not evidence:
            return ["there is no passage"]
        words = content_words(claim)
        if not words and not values_in(claim):
            return ["the sentence says nothing that can be looked up"]
        said = stems("\n\n".join(passages))
        is_short = len(words) <= _SHORT_CONTENT_WORDS and len(claim.split()) <= _SHORT_WORDS
        found = [
            *_missing_values(claim, passages if is_short else [*passages, self._question]),
            *_missing_names(claim, said, is_short),
        ]
        if is_short:
            return [*found, *self._misplaced(f"{self._question} {claim}", values_in(claim), evidence)]
        found += [*_uncovered(claim, said, self._thresholds.coverage), *self._dissimilar(claim, evidence)]
        for clause in value_clauses(claim):
            found += self._misplaced(clause, values_in(clause), evidence)
        return [*found, *self._misplaced_names(claim, evidence), *self._negated(claim, evidence)]

    def _dissimilar(self, claim: str, evidence: Sequence[Evidence]) -> Iterator[str]:
        nearest = self._cosines(claim, evidence).max()
        if nearest < self._thresholds.similarity:
            yield f"no passage says anything near it (cosine {nearest:.2f})"

    def _misplaced(self, text: str, values: Sequence[Value], evidence: Sequence[Evidence]) -> Iterator[str]:
        fit = self._fit(text, evidence)
        for value in dict.fromkeys(values):
            holds = [any(map(value.equals, piece.values)) for piece in evidence]
            rivals = [any(other.kind == value.kind for other in piece.values) for piece in evidence]
            better = self._better(fit, holds, rivals, evidence)
            if better:
                yield f"the value {value} stands elsewhere: {better}"

    def _misplaced_names(self, claim: str, evidence: Sequence[Evidence]) -> Iterator[str]:
        names = names_in(claim)
        rest = re.sub(rf"\b(?:{'|'.join(map(re.escape, names))})\b", "", claim, flags=re.IGNORECASE) if names else claim
        fit = self._fit(rest, evidence, around=0.0)
        has_names = [piece.has_names for piece in evidence]
        for name in names:
            holds = [stem(name) in piece.own | piece.around for piece in evidence]
            better = self._better(fit, holds, has_names, evidence)
            if better:
                yield f"the name {name} stands elsewhere: {better}"

    def _negated(self, claim: str, evidence: Sequence[Evidence]) -> Iterator[str]:
        for clause in clauses(claim):
            words = stems(clause)
            if len(words) < 2:
                continue
            best = evidence[int(self._fit(clause, evidence).argmax())]
            shares_half = 2 * len(words & best.own) >= len(words)
            if shares_half and best.is_negated != is_negated(clause):
                yield f"only one of the two is negated: {best.text}"

    def _better(
        self, fit: NDArray[np.float32], holds: Sequence[bool], rivals: Sequence[bool], evidence: Sequence[Evidence]
    ) -> str:
        """The text of the rival piece that fits better by the margin than every piece that holds the value, or ""."""
        own, other = np.array(holds), np.array(rivals) & ~np.array(holds)
        if not own.any() or not other.any() or fit[other].max() - fit[own].max() <= self._thresholds.margin:
            return ""
        return evidence[int(np.where(other, fit, -np.inf).argmax())].text

    def _fit(self, text: str, evidence: Sequence[Evidence], around: float = _AROUND) -> NDArray[np.float32]:
        """How well each piece fits the words of a text, values aside; a word found around a piece counts less."""
        words = stems(text)
        shares = [
            sum(1.0 if word in piece.own else around if word in piece.around else 0.0 for word in words)
            / max(1, len(words))
            for piece in evidence
        ]
        fit: NDArray[np.float32] = (
            np.array(shares, np.float32) + self._cosines(without_values(text), evidence)
        ) * np.float32(0.5)
        return fit

    def _cosines(self, text: str, evidence: Sequence[Evidence]) -> NDArray[np.float32]:
        cosines: NDArray[np.float32] = self._vectors([piece.text for piece in evidence]) @ self._vectors([text])[0]
        return cosines

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def _missing_values(claim: str, texts: Sequence[str]) -> Iterator[str]:
    known = values_in("\n\n".join(texts))
    for value in dict.fromkeys(values_in(claim)):
        if not any(map(value.equals, known)):
            yield f"no passage has the value {value}"


def _missing_names(claim: str, said: frozenset[str], is_short: bool) -> Iterator[str]:
    names = content_words(claim) if is_short and not values_in(claim) else names_in(claim)
    for name in names:
        if stem(name) not in said:
            yield f"no passage names {name}"


def _uncovered(claim: str, said: frozenset[str], least: float) -> Iterator[str]:
    for words in _words_of_clauses(claim) or [content_words(claim)]:
        missing = [word for word in words if stem(word) not in said]
        if len(words) - len(missing) < least * len(words):
            yield f"no passage speaks of {', '.join(missing)}"


def _words_of_clauses(claim: str) -> list[list[str]]:
    """The content words of each clause that has at least two."""
    return [words for words in map(content_words, clauses(claim)) if len(words) > 1]
