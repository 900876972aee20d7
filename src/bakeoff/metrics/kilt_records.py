"""What KILT's JSON records say: answers, evidence sets and rankings.

Source: the record format of facebookresearch/KILT's README. A record has an `output` list; its entries may have an
`answer` and a `provenance` list of objects with `wikipedia_id`, `start_paragraph_id`, and so on. A guess has exactly
one entry, and its provenance is ranked, best first. Ids are compared as stripped strings: 5 is "5".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.errors import InputError

PAGE = ("wikipedia_id",)
Record = Mapping[str, Any]
EvidenceId = tuple[str, ...]


def gold_answers(gold: Record) -> list[str]:
    """The distinct answers that are not blank, stripped, in the order of the file."""
    answers = (entry.get("answer") for entry in _outputs(gold))
    return list(dict.fromkeys(answer.strip() for answer in answers if isinstance(answer, str) and answer.strip()))


def gold_evidence(gold: Record, rank_keys: Sequence[str] = PAGE) -> list[set[EvidenceId]]:
    """One set of evidence ids for each output that has a provenance list; an id is its values of rank_keys.

    Raises InputError for a provenance without one of the keys.
    """
    return [
        {_evidence_id(gold, provenance, rank_keys) for provenance in entry["provenance"]}
        for entry in _outputs(gold)
        if "provenance" in entry
    ]


def guess_answer(guess: Record) -> str:
    """The guessed answer, stripped; "" where there is none. Raises InputError unless there is one output."""
    answer = _only_output(guess).get("answer")
    return "" if answer is None else str(answer).strip()


def guess_ranking(guess: Record, rank_keys: Sequence[str] = PAGE) -> list[EvidenceId]:
    """Evidence ids in ranked order; a provenance without one of the keys is left out, as in KILT's script.

    Raises InputError unless there is one output.
    """
    ranked = _only_output(guess).get("provenance", ())
    return [_evidence_id(guess, item, rank_keys) for item in ranked if all(key in item for key in rank_keys)]


def _evidence_id(record: Record, provenance: Mapping[str, Any], rank_keys: Sequence[str]) -> EvidenceId:
    if missing := [key for key in rank_keys if key not in provenance]:
        raise InputError(f"KILT record {record.get('id')!r}: a provenance has no {', '.join(missing)}")
    return tuple(str(provenance[key]).strip() for key in rank_keys)


def _outputs(record: Record) -> Sequence[Mapping[str, Any]]:
    outputs = record.get("output")
    if not isinstance(outputs, list) or not all(isinstance(entry, Mapping) for entry in outputs):
        raise InputError(f"KILT record {record.get('id')!r}: output is not a list of objects")
    return outputs


def _only_output(guess: Record) -> Mapping[str, Any]:
    outputs = _outputs(guess)
    if len(outputs) != 1:
        raise InputError(f"KILT record {guess.get('id')!r}: a guess has one output, this one has {len(outputs)}")
    return outputs[0]
