"""The verdict: which contender to use under the limits, or that the rows do not say, in one honest sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

from bakeoff.errors import InputError
from bakeoff.experiments import sentences
from bakeoff.experiments.evidence import advantage, beats, between, holds_margin
from bakeoff.experiments.limits import ContenderSummary, Limits, violations
from bakeoff.experiments.paired import Comparison

VerdictKind = Literal["winner", "tie", "non_inferior", "none_meets"]


@dataclass(frozen=True)
class Verdict:
    """contenders: the one to use, or those that are tied (highest mean first), or none.

    reasons: for every contender that cannot win, each limit that it breaks or is not shown to keep.
    """

    kind: VerdictKind
    contenders: tuple[str, ...]
    sentence: str
    reasons: Mapping[str, tuple[str, ...]]


def decide(
    contenders: Sequence[ContenderSummary],
    comparisons: Sequence[Comparison],
    limits: Limits,
    *,
    metric: str,
    label: str,
) -> Verdict:
    """The verdict on the decision metric (a high score is good), whose comparisons are picked out of all of them.

    A contender that breaks a limit, or is not shown to keep it, cannot win. A winner beats (`evidence.beats`) every
    other one within the limits, or is the only one within them. With a margin, a contender within it of the reference
    that has an advantage over the reference (`evidence.advantage`: cheaper, else faster, ...) goes before a better
    one. Everything else is a tie. label: what the sentence calls the metric's unit, `F1`.
    Raises InputError for no contenders, names that appear twice, an unknown reference, and comparisons that are
    missing or not adjusted.
    """
    names = [c.name for c in contenders]
    if not names or len(set(names)) < len(names):
        raise InputError(f"a verdict needs contenders with names of their own, not {names}")
    if limits.reference is not None and limits.reference not in names:
        raise InputError(f"limits: the reference {limits.reference!r} is none of the contenders {', '.join(names)}")
    reasons = {c.name: tuple(found) for c in contenders if (found := violations(c, limits))}
    eligible = sorted((c for c in contenders if c.name not in reasons), key=lambda c: -(c.quality or 0.0))
    results = [c for c in comparisons if c.metric == metric]
    if not eligible:
        return Verdict("none_meets", (), sentences.none_meets(contenders, reasons, limits, label), reasons)
    if len(eligible) == 1:
        return Verdict("winner", (eligible[0].name,), sentences.only_one(eligible[0], contenders, limits), reasons)

    leader = next((c for c in eligible if not _beaten(c, eligible, results)), eligible[0])
    others = [c for c in eligible if c is not leader]
    unbeaten = [c for c in others if not beats(between(results, leader.name, c.name))]
    reference = next((c for c in contenders if c.name == limits.reference), None)
    good_enough = _good_enough(reference, eligible, results, limits) if reference else None
    if reference and good_enough and (unbeaten or good_enough is not leader):
        sentence = sentences.non_inferior(good_enough, reference, results, limits, label)
        return Verdict("non_inferior", (good_enough.name,), sentence, reasons)
    if unbeaten:
        tied = [leader, *unbeaten]
        return Verdict("tie", tuple(c.name for c in tied), sentences.tie(tied, results, limits, label), reasons)
    return Verdict("winner", (leader.name,), sentences.winner(leader, others, results, limits, label), reasons)


def _beaten(contender: ContenderSummary, eligible: Sequence[ContenderSummary], results: Sequence[Comparison]) -> bool:
    return any(beats(between(results, o.name, contender.name)) for o in eligible if o is not contender)


def _good_enough(
    reference: ContenderSummary,
    eligible: Sequence[ContenderSummary],
    results: Sequence[Comparison],
    limits: Limits,
) -> ContenderSummary | None:
    """Of the contenders within the margin that have an advantage over the reference, the one with most advantages."""

    def preferred(best: ContenderSummary, other: ContenderSummary) -> ContenderSummary:
        return other if advantage(other, best, limits.currency) else best

    found = [
        c
        for c in eligible
        if c is not reference
        and limits.margin is not None
        and holds_margin(between(results, c.name, reference.name), limits.margin)
        and advantage(c, reference, limits.currency)
    ]
    return reduce(preferred, found) if found else None
