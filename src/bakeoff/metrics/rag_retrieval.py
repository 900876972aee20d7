"""The retrieval half of a RAG answer: what was found and shown to the model, against the gold passages."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.errors import InputError
from bakeoff.metrics import retrieval
from bakeoff.metrics.rows import Score, failed, scored, skipped
from bakeoff.metrics.summary import Metric

RETRIEVAL = (
    Metric("recall_at_1", maximum=1),
    Metric("recall_at_5", maximum=1),
    Metric("recall_retrieved", maximum=1),
    Metric("recall_shown", maximum=1),
    Metric("complete_at_5", maximum=1, binary=True),
    Metric("precision_at_5", maximum=1),
    Metric("reciprocal_rank", maximum=1),
    Metric("ndcg_at_5", maximum=1),
    Metric("r_precision", maximum=1),
)
_SEPARATOR = " > "


@dataclass(frozen=True)
class Gold:
    """A passage that the answer needs; heading: the headings from the outermost in, joined by " > "."""

    document: str
    heading: str


@dataclass(frozen=True)
class Passage:
    """A retrieved passage; number: under which the model saw it, None where it did not see it."""

    number: int | None
    document: str
    heading: str
    context: str
    text: str

    @property
    def evidence(self) -> str:
        """What a citation of it points to: its title and headings, a blank line, and its text."""
        return f"{self.context}\n\n{self.text}" if self.context else self.text


def read_passages(value: Any) -> list[Passage]:
    """The flow's output `passages`, best first. Raises InputError naming the passage (from 1) and the field."""
    if not isinstance(value, list):
        raise InputError(f"passages is {_kind(value)}, not a list")
    passages = [_passage(f"passages: number {place}", fields) for place, fields in enumerate(value, 1)]
    numbers = [passage.number for passage in passages if passage.number is not None]
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        raise InputError(f"passages: those shown have the `number`s {numbers}, not 1 to {len(numbers)} once each")
    return passages


def shown(passages: Sequence[Passage]) -> list[Passage]:
    """The passages that the model saw, in the order of their numbers: citation [n] means shown(...)[n - 1]."""
    return sorted((p for p in passages if p.number is not None), key=lambda passage: passage.number or 0)


def read_gold(value: Any) -> list[Gold]:
    """The data column `gold`, without repeats. Raises InputError naming the passage (from 1) and the field."""
    if not isinstance(value, list):
        raise InputError(f"gold is {_kind(value)}, not a list")
    wanted = []
    for place, fields in enumerate(value, 1):
        where = f"gold: number {place}"
        wanted.append(Gold(_string(where, fields, "document"), _string(where, fields, "heading")))
    return list(dict.fromkeys(wanted))


def covers(passage: Passage, gold: Gold) -> bool:
    """Whether the passage is (a part of) the gold section, or small sections joined, that one among them.

    Documents are the same where their paths are equal or one ends with "/" and the other: the gold may be
    `articles/x.md` where the index was made of the folder `articles` or of one above it. Only a gold without a folder
    ends no longer path: `index.md` would stand for that of every folder. A passage of several small sections
    (`retrieval.chunks` joins them) has the headings that they share, and in its text each section stands below a line
    with the rest of its own; a join of joined sections has the rest on several lines, the outer heading first.
    """
    here, there = passage.document, gold.document
    longer = "/" in there and here.endswith(f"/{there}")
    if not (here == there or longer or there.endswith(f"/{here}")):
        return False
    if passage.heading == gold.heading:
        return True
    above = f"{passage.heading}{_SEPARATOR}" if passage.heading else ""
    if not gold.heading.startswith(above):
        return False
    rest = gold.heading.removeprefix(above)
    for line in passage.text.splitlines():
        if line == rest:
            return True
        rest = rest.removeprefix(f"{line}{_SEPARATOR}")
    return False


def gold_ranking(passages: Sequence[Passage], gold: Sequence[Gold]) -> list[Hashable]:
    """The passages as ids for `bakeoff.metrics.retrieval`, which counts an id once, at its first rank.

    A passage that covers gold stands for it (for several: each in turn, on a rank of its own), any other for its
    section. So a section that was cut into several passages has one rank, that of its first one.
    """
    ids: list[Hashable] = []
    for passage in passages:
        ids += [wanted for wanted in gold if covers(passage, wanted)] or [(passage.document, passage.heading)]
    return ids


def score_retrieval(passages: Any, gold: Any, answerable: Any) -> dict[str, Score]:
    """The scores of `RETRIEVAL` by name: `failed` for malformed input, `skipped` where there is nothing to find.

    `recall_retrieved` looks at everything that was retrieved, `recall_shown` at what the model saw of it.
    `r_precision` is on sections, so stricter than KILT's, which is on whole pages.
    """
    try:
        if not read_answerable(answerable):
            return _all(skipped("the documents hold no answer to find"))
        wanted = read_gold(gold)
        if not wanted:
            return _all(skipped("the row has no gold passages"))
        found = read_passages(passages)
    except InputError as error:
        return _all(failed(str(error)))
    ranking, seen = gold_ranking(found, wanted), gold_ranking(shown(found), wanted)
    complete = retrieval.complete_at_k(ranking, wanted, 5)
    return {
        "recall_at_1": scored(retrieval.recall_at_k(ranking, wanted, 1)),
        "recall_at_5": scored(retrieval.recall_at_k(ranking, wanted, 5)),
        "recall_retrieved": scored(retrieval.recall_at_k(ranking, wanted, max(1, len(ranking)))),
        "recall_shown": scored(retrieval.recall_at_k(seen, wanted, max(1, len(seen)))),
        "complete_at_5": scored(complete, passed=complete),
        "precision_at_5": scored(retrieval.precision_at_k(ranking, wanted, 5)),
        "reciprocal_rank": scored(retrieval.reciprocal_rank(ranking, wanted)),
        "ndcg_at_5": scored(retrieval.ndcg_at_k(ranking, wanted, 5)),
        "r_precision": scored(retrieval.r_precision(ranking, wanted)),
    }


def read_answerable(value: Any) -> bool:
    """The data column `answerable`. Raises InputError for what is not true or false."""
    if not isinstance(value, bool):
        raise InputError(f"answerable is {_kind(value)}, not true or false")
    return value


def _all(score: Score) -> dict[str, Score]:
    return {metric.name: score for metric in RETRIEVAL}


def _passage(where: str, fields: Any) -> Passage:
    if not isinstance(fields, Mapping):
        raise InputError(f"{where} is {_kind(fields)}, not an object")
    number, headings = fields.get("number"), fields.get("heading_path")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise InputError(f"{where}: number is {_kind(number)}, not a whole number or null")
    if not isinstance(headings, list | tuple) or not all(isinstance(heading, str) for heading in headings):
        raise InputError(f"{where}: heading_path is {_kind(headings)}, not a list of strings")
    return Passage(
        number,
        _string(where, fields, "document"),
        _SEPARATOR.join(headings),
        _string(where, fields, "context"),
        _string(where, fields, "text"),
    )


def _string(where: str, fields: Any, name: str) -> str:
    value = fields.get(name) if isinstance(fields, Mapping) else None
    if not isinstance(value, str):
        raise InputError(f"{where}: {name} is {_kind(value)}, not a string")
    return value


def _kind(value: Any) -> str:
    """A value as a reason may show it: what is missing as it is, all else by its type."""
    if value is None or value == "nan":
        return repr(value)
    return f"a {type(value).__name__}"
