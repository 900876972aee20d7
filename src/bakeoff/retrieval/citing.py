"""The citations of an answer: checked, and put in where the model left them out."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bakeoff.metrics.abstention import is_abstention
from bakeoff.metrics.citations import Supports, cited_numbers, invented_citations
from bakeoff.metrics.sentences import split_sentences
from bakeoff.retrieval.passages import Record, evidence, shown


@dataclass(frozen=True)
class Citations:
    """cited: numbers in the answer, in order, without repeats. invented: those of them that no shown passage has.

    source: who wrote them; `attributed` ones were put in by `attribute`, because the model wrote none.
    """

    cited: list[int]
    invented: list[int]
    source: Literal["model", "attributed", "none"]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_citations(answer: str, records: Sequence[Record], source: Literal["model", "attributed"]) -> Citations:
    """What the answer cites, against the passages that were shown."""
    cited = list(dict.fromkeys(cited_numbers(answer)))
    invented = list(dict.fromkeys(invented_citations(answer, len(shown(records)))))
    return Citations(cited, invented, source if cited else "none")


def attribute(answer: str, records: Sequence[Record], supports: Supports) -> str:
    """The answer with, behind each sentence, the first shown passage that supports it alone.

    Sentences that no passage supports stay without a citation, and so does an answer that abstains.
    """
    if is_abstention(answer):
        return answer
    pieces, rest = [], answer
    for sentence in split_sentences(answer):
        found = re.search(r"\s+".join(map(re.escape, sentence.split())), rest)  # it comes with white space collapsed
        if not found:
            continue
        number = next((r["number"] for r in shown(records) if supports(sentence, [evidence(r)])), None)
        pieces.append(rest[: found.end()] + (f" [{number}]" if number else ""))
        rest = rest[found.end() :]
    return "".join([*pieces, rest])
