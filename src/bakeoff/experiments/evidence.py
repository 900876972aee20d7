"""What the results of two contenders show: better, within a margin, or with something beside quality for it."""

from collections.abc import Sequence

from bakeoff.errors import InputError
from bakeoff.experiments.limits import ContenderSummary
from bakeoff.experiments.paired import Comparison
from bakeoff.experiments.power import ALPHA
from bakeoff.experiments.wording import figures

_MATERIAL = 0.1


def between(comparisons: Sequence[Comparison], a: str, b: str) -> Comparison:
    """The comparison of a against b, turned round where it was made the other way.

    Raises InputError where there is none or it was not adjusted.
    """
    found = next((c for c in comparisons if {c.a, c.b} == {a, b}), None)
    if found is None:
        raise InputError(f"the verdict needs a comparison of {a} with {b}: there is none")
    if found.p_adjusted is None:
        raise InputError(f"the comparison of {a} with {b} has no Holm-adjusted p-value: call multiplicity.adjust first")
    return found if found.a == a else found.reversed()


def beats(comparison: Comparison) -> bool:
    """Whether a is shown to be better than b: Holm-adjusted p below 0.05, an interval above zero, and a lead that
    stays when failed rows count as zero. The interval guards against lopsided noise, on which the tests are wrong."""
    p_adjusted, low, worst_case = comparison.p_adjusted, comparison.low, comparison.worst_case_difference
    significant = p_adjusted is not None and p_adjusted < ALPHA and low is not None and low > 0
    return significant and (worst_case is None or worst_case > 0)


def holds_margin(comparison: Comparison, margin: float) -> bool:
    """Whether a is shown to be less than the margin below b: by the 95 % interval, and when failed rows count as zero.

    A one-sided claim at 2.5 %, for this contender alone: several of them are not corrected for.
    """
    low, worst_case = comparison.low, comparison.worst_case_difference
    return low is not None and low > -margin and (worst_case is None or worst_case > -margin)


def advantage(a: ContenderSummary, b: ContenderSummary, currency: str) -> str | None:
    """What speaks for a beside quality: `is cheaper (...)`, `is faster (...)`, ..., or None.

    The first of cost, latency, data that stays on this machine, and memory that clearly differs decides, for a or
    against it; figures must differ by a tenth of the larger, and an unknown one decides nothing.
    """
    attributes: tuple[tuple[str, str, float | None, float | None], ...] = (
        ("cheaper", f"{currency} per 1,000", a.cost_per_1000, b.cost_per_1000),
        ("faster", "s at p95", a.latency_p95, b.latency_p95),
        ("more local", "", float(not a.stays_on_machine), float(not b.stays_on_machine)),
        ("smaller", "MB", a.memory_mb, b.memory_mb),
    )
    for adjective, unit, x, y in attributes:
        if x is None or y is None or abs(x - y) <= _MATERIAL * max(x, y):
            continue
        if x > y:
            return None
        if adjective == "more local":
            return "keeps the data on this machine"
        first, second = figures(x, y)
        return f"is {adjective} ({first} against {second} {unit})"
    return None
