"""Numbered citations in an answer: which there are, which exist, and whether they support what they follow."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bakeoff.metrics.sentences import split_sentences

Supports = Callable[[str, Sequence[str]], bool]
"""Whether the passages, taken together, entail the sentence (which comes without its citations)."""

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_CITATION = re.compile(rf"\[({_NUMBER}(?:, ?{_NUMBER})*)\](?!\()")
_AT_LINE_START = re.compile(rf"^[ \t]*(?:{_CITATION.pattern}[ \t]*)+", re.MULTILINE)
_WITH_SPACE_BEFORE = re.compile(rf"(?<![ \t])[ \t]*{_CITATION.pattern}")


def cited_numbers(text: str) -> list[int]:
    """The numbers of all citations in their order, repeats included: "[2][3] and [1, 2]" gives 2, 3, 1, 2.

    Only ASCII digits without leading zeros, alone or separated by a comma and at most one space, in square brackets:
    [1-3], [01], [ 1 ], [1;2], (1) and Markdown's [1](link) are none. [0] is one, though no passage has that number.
    """
    return [int(number) for citation in _CITATION.finditer(text) for number in citation[1].split(",")]


def without_citations(text: str) -> str:
    """The text as it is scored against references: no citations, nor the spaces and tabs before them."""
    return _WITH_SPACE_BEFORE.sub("", _AT_LINE_START.sub("", text)).strip()


def invented_citations(answer: str, passages: int) -> list[int]:
    """The cited numbers that are not 1 to `passages`, the number of passages shown; repeats included."""
    return [number for number in cited_numbers(answer) if not 1 <= number <= passages]


def invented_share(answer: str, passages: int) -> float | None:
    """Share of the answer's citations that do not exist, 0 to 1; None for an answer that cites nothing."""
    cited = cited_numbers(answer)
    return len(invented_citations(answer, passages)) / len(cited) if cited else None


@dataclass(frozen=True)
class CitationScore:
    """Counts of one answer: its sentences, those that their citations support, its citations, and those that help."""

    sentences: int
    supported: int
    citations: int
    relevant: int

    @property
    def recall(self) -> float:
        """Share of the sentences that their citations support; 0 without sentences."""
        return self.supported / self.sentences if self.sentences else 0.0

    @property
    def precision(self) -> float:
        """Share of the citations that help to support their sentence; 0 without citations, as in ALCE's script."""
        return self.relevant / self.citations if self.citations else 0.0


def score_citations(answer: str, passages: Sequence[str], supports: Supports) -> CitationScore:
    """Citation recall and precision of an answer; citation [n] means passages[n - 1].

    A sentence is supported where it cites something, everything it cites exists, and the cited passages together
    entail it. A citation is relevant where its sentence is supported and it is needed: the passage alone entails the
    sentence, or the sentence's other citations without it do not. supports: called with a sentence without citations
    and a list of one or more passages.

    Source: Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations" (ALCE),
    arXiv:2305.14627, and eval.py of princeton-nlp/ALCE. Unlike that script: all citations of a sentence count, not
    the first three; those of a sentence with an invented one stay in the denominator of precision (the script drops
    them); one repeated in a sentence counts once there; and sentences are those of `split_sentences`, over all lines
    of the answer.
    """
    sentences = split_sentences(answer)
    supported = citations = relevant = 0
    for sentence in sentences:
        claim, cited = without_citations(sentence), list(dict.fromkeys(cited_numbers(sentence)))
        citations += len(cited)
        if not claim or not cited or invented_citations(sentence, len(passages)):
            continue
        shown = [passages[number - 1] for number in cited]
        if supports(claim, shown):
            supported += 1
            relevant += sum(_is_needed(claim, shown, index, supports) for index in range(len(shown)))
    return CitationScore(len(sentences), supported, citations, relevant)


def _is_needed(claim: str, shown: Sequence[str], index: int, supports: Supports) -> bool:
    """Whether one of the passages that support a claim together supports it alone or is missed by the others."""
    others = [*shown[:index], *shown[index + 1 :]]
    return not others or supports(claim, [shown[index]]) or not supports(claim, others)
