"""The wording of the four verdicts."""

from collections.abc import Mapping, Sequence

from bakeoff.experiments.evidence import advantage, between
from bakeoff.experiments.limits import ContenderSummary, Limits, monthly_cost
from bakeoff.experiments.paired import Comparison
from bakeoff.experiments.wording import figures, interval_text, listed


def winner(
    best: ContenderSummary,
    others: Sequence[ContenderSummary],
    comparisons: Sequence[Comparison],
    limits: Limits,
    label: str,
) -> str:
    """`best` beats every other contender within the limits; the figures are those against the closest of them."""
    closest = min((between(comparisons, best.name, o.name) for o in others), key=lambda c: c.difference or 0.0)
    beaten = closest.b if len(others) == 1 else f"the other {len(others)} within your limits, {closest.b} the closest,"
    better = f"answers better than {beaten} by {_evidence(closest, label)}"
    return f"Use {best.name}. It {listed([better, *_kept(best, limits)])}."


def only_one(contender: ContenderSummary, contenders: Sequence[ContenderSummary], limits: Limits) -> str:
    """Nobody else is shown to keep the limits, or nobody else ran."""
    kept = _kept(contender, limits)
    shown = f" It {listed(kept)}." if kept else ""
    if len(contenders) == 1:
        return f"{contender.name} keeps your limits; it is the only contender, so it is compared with nothing.{shown}"
    return f"Use {contender.name}, the only contender shown to keep your limits.{shown}"


def non_inferior(
    chosen: ContenderSummary,
    reference: ContenderSummary,
    comparisons: Sequence[Comparison],
    limits: Limits,
    label: str,
) -> str:
    """`chosen` is within the margin of the reference and has an advantage over it."""
    comparison = between(comparisons, chosen.name, reference.name)
    difference = interval_text(comparison.difference or 0.0, comparison.low, comparison.high, label)
    within = f"is within {limits.margin:g} {label} of {reference.name} (difference {difference}, {_rows(comparison)})"
    plus = advantage(chosen, reference, limits.currency)
    return f"Use {chosen.name}. It {listed([within, *([plus] if plus else []), *_kept(chosen, limits)])}."


def tie(tied: Sequence[ContenderSummary], comparisons: Sequence[Comparison], limits: Limits, label: str) -> str:
    """The first of `tied` has the highest mean and is not shown to beat the others; figures are against the second."""
    leader, rivals = tied[0], tied[1:]
    closest = between(comparisons, leader.name, rivals[0].name)
    subject = f"{leader.name} is not distinguishable from {listed([r.name for r in rivals])}"
    if not closest.counts.paired:
        return f"{subject}: no row was scored for both {leader.name} and {closest.b}."
    worst_case = closest.worst_case_difference
    if worst_case is not None and worst_case <= 0 and closest.low is not None and closest.low > 0:
        sentence = (
            f"{leader.name} answers better than {closest.b} by {_evidence(closest, label)}, but not once rows without "
            "a score count as zero, so there is no winner"
        )
    else:
        against = "" if len(rivals) == 1 else f"; against {closest.b}"
        evidence = _evidence(closest, label, rows=False)
        sentence = f"{subject} on {_rows(closest)}{against}: difference {evidence}; {_more_rows(closest)}"
    if len(tied) == 2:
        pluses = ((x.name, advantage(x, y, limits.currency)) for x, y in ((leader, rivals[0]), (rivals[0], leader)))
        sentence += "".join(f"; {name} {plus}" for name, plus in pluses if plus)
    return f"{sentence}."


def none_meets(
    contenders: Sequence[ContenderSummary], reasons: Mapping[str, Sequence[str]], limits: Limits, label: str
) -> str:
    """Every contender has a reason that keeps it from winning."""
    measured = [(c.quality, c) for c in contenders if c.quality is not None]
    if limits.quality_floor is not None and len(measured) == len(contenders):
        quality, best = max(measured, key=lambda pair: pair[0])
        if best.high is not None and best.high < limits.quality_floor:
            reached = interval_text(quality, best.low, best.high, label)
            return (
                f"No contender meets the floor of {limits.quality_floor:g}: the best, {best.name}, reaches {reached}."
            )
    return (
        "No contender meets your limits: " + "; ".join(f"{name}: {found[0]}" for name, found in reasons.items()) + "."
    )


def _more_rows(comparison: Comparison) -> str:
    if comparison.rows_needed is None:
        return "no difference was seen that more rows could confirm"
    return f"about {comparison.rows_needed:,} would be needed if that is the true difference"


def _kept(contender: ContenderSummary, limits: Limits) -> list[str]:
    kept = []
    if limits.quality_floor is not None:
        kept.append(f"clears your floor of {limits.quality_floor:g}")
    if limits.latency_p95 is not None:
        kept.append(f"stays under your {limits.latency_p95:g} s limit")
    if limits.memory_mb is not None:
        kept.append(f"fits your {limits.memory_mb:g} MB")
    cost = monthly_cost(contender, limits)
    if limits.monthly_budget is not None and cost is not None:
        kept.append(f"costs {figures(cost)[0]} of your {limits.monthly_budget:g} {limits.currency} a month")
    if limits.data_stays_on_machine:
        kept.append("keeps the data on this machine")
    return kept


def _evidence(comparison: Comparison, label: str, *, rows: bool = True) -> str:
    """`0.06 F1 (0.01-0.11, 200 paired rows, p = 0.02 after Holm)`"""
    interval = interval_text(comparison.difference or 0.0, comparison.low, comparison.high, label)
    p = comparison.p_adjusted or 0.0
    parts = [interval.removesuffix(")"), *([_rows(comparison)] if rows else [])]
    return f"{', '.join(parts)}, {'p < 0.001' if p < 0.001 else f'p = {p:.2g}'} after Holm)"


def _rows(comparison: Comparison) -> str:
    return f"{comparison.counts.paired:,} paired row{'s' if comparison.counts.paired != 1 else ''}"
