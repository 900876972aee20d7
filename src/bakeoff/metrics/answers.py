"""What every flow's answer is asked, whatever it answers: what became of it, what it is compared with, its timings."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from bakeoff.metrics import text
from bakeoff.metrics.refusal import is_refusal
from bakeoff.metrics.rows import Score, failed, scored, skipped
from bakeoff.models.base import FinishReason


def references(ground_truth: Any, aliases: Any) -> list[str]:
    """The right answers as non-blank strings, ground truth first.

    A missing ground truth is none; Prompt Flow hands over a missing value of a data file as the string "nan".
    """
    candidates = [ground_truth, *(aliases if isinstance(aliases, list | tuple) else ())]
    return [c for c in candidates if isinstance(c, str) and c.strip() and c != "nan"]


def outcome(
    answer: Any, completion: Any, references: Sequence[str], refuses: Callable[[str], bool] = is_refusal
) -> tuple[str, str, str]:
    """(outcome of `rows.OUTCOMES`, why the row cannot be scored or "", note on its scores or "").

    completion: the fields of `bakeoff.models.base.Completion`; empty where the answer came without one. An answer that
    refuses is no refusal where a reference refuses too.
    """
    if not isinstance(answer, str):
        return "unparsable", f"the answer is a {type(answer).__name__}, not a string", ""
    if not isinstance(completion, Mapping):
        return "unparsable", f"the completion is a {type(completion).__name__}, not an object", ""
    reason = completion.get("finish_reason") if completion else "stop"
    if reason not in get_args(FinishReason):
        return "unparsable", f"the completion's finish_reason is {reason!r}, not one of {get_args(FinishReason)}", ""
    detail = completion.get("error") or "no detail given"
    if reason == "error":
        return "errored", f"the model gave no answer: {detail}", ""
    if reason == "content_filter":
        return "filtered", f"a content filter stopped the answer: {detail}", ""
    if refuses(answer) and not any(refuses(reference) for reference in references):
        return "refused", "", "the answer refuses"
    if reason == "length":
        return "truncated", "", "the answer was cut at the token limit"
    return "answered", "", "" if answer.strip() else "the answer is empty"


def exact_match(answer: str, references: Sequence[str], note: str) -> Score:
    """SQuAD's exact match; skipped where its normalisation leaves nothing of any reference."""
    comparable = [reference for reference in references if text.normalize_answer(reference)]
    if not comparable:
        return skipped("SQuAD normalisation leaves nothing of the ground truth")
    match = text.exact_match(answer, comparable)
    return scored(match, passed=match, reason=note)


def measured(record: Mapping[str, Any], field: str, name: str = "completion") -> Score:
    """A number of 0 or more in a record; skipped where it was not measured. name: of the record, for reasons."""
    value = record.get(field)
    if value is None or (field == "total_time" and value == 0):
        return skipped(f"the {name} has no {field}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return failed(f"the {name}'s {field} is {value!r}, not a number of 0 or more")
    return scored(value)


def content_id(question: Any, ground_truth: Any) -> str:
    """An id for a row without one, the same in every run."""
    content = f"{question}\0{ground_truth}".encode("utf-8", "surrogatepass")
    return f"row-{hashlib.sha256(content).hexdigest()[:12]}"
