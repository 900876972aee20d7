"""The limits a contender must keep, what is known of each contender, and why one is excluded."""

import math
from dataclasses import dataclass

from bakeoff.errors import InputError
from bakeoff.experiments.wording import figures, interval_text


@dataclass(frozen=True)
class ContenderSummary:
    """What a run showed about one contender; None is unknown, which is never zero.

    quality, low, high: mean of the decision metric and its 95 % interval. coverage: share of its rows that were
    scored. latency_p95: seconds. memory_mb: peak, in MB. cost_per_1000: of 1,000 requests, in the limits' currency.
    stays_on_machine: whether no row's data left this machine. why_unscored: where no row was scored, the reason that
    most of them give.
    """

    name: str
    quality: float | None
    low: float | None
    high: float | None
    coverage: float
    latency_p95: float | None
    memory_mb: float | None
    cost_per_1000: float | None
    stays_on_machine: bool
    why_unscored: str = ""


@dataclass(frozen=True)
class Limits:
    """What the user asks for; None asks for nothing.

    quality_floor: the whole 95 % interval must lie at or above it. latency_p95: seconds. monthly_budget needs
    monthly_requests. least_coverage: share of rows that must be scored. margin and reference go together: a contender
    whose difference from the reference is above -margin with its whole 95 % interval is as good for the purpose.
    Raises InputError for limits that make no sense.
    """

    quality_floor: float | None = None
    latency_p95: float | None = None
    monthly_budget: float | None = None
    monthly_requests: int | None = None
    memory_mb: float | None = None
    least_coverage: float = 0.95
    data_stays_on_machine: bool = False
    margin: float | None = None
    reference: str | None = None
    currency: str = "EUR"

    def __post_init__(self) -> None:
        for name in ("latency_p95", "monthly_budget", "monthly_requests", "memory_mb", "margin"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"limits: {name} is {value}: it must be a number above 0")
        if self.quality_floor is not None and not math.isfinite(self.quality_floor):
            raise InputError(f"limits: quality_floor is {self.quality_floor}: it must be a number")
        if not 0 <= self.least_coverage <= 1:
            raise InputError(f"limits: least_coverage is {self.least_coverage}: it must lie between 0 and 1")
        if self.monthly_budget is not None and self.monthly_requests is None:
            raise InputError("limits: monthly_budget needs monthly_requests: how many requests it has to pay for")
        if (self.margin is None) != (self.reference is None):
            raise InputError("limits: margin and reference go together: how far below which contender is good enough")


def monthly_cost(contender: ContenderSummary, limits: Limits) -> float | None:
    """What a month of requests costs; None where the price or the volume is unknown."""
    if contender.cost_per_1000 is None or limits.monthly_requests is None:
        return None
    return contender.cost_per_1000 * limits.monthly_requests / 1000


def violations(contender: ContenderSummary, limits: Limits) -> list[str]:
    """Why the contender cannot win: every limit that it breaks or is not shown to keep. Empty where it may win."""
    currency = limits.currency
    reasons = [*_quality_violations(contender, limits)]
    if limits.latency_p95 is not None:
        reasons += _over(contender.latency_p95, limits.latency_p95, "p95 latency", "s")
    if limits.memory_mb is not None:
        reasons += _over(contender.memory_mb, limits.memory_mb, "memory", "MB")
    if limits.monthly_budget is not None:
        reasons += _over(monthly_cost(contender, limits), limits.monthly_budget, "monthly cost", currency)
    if limits.data_stays_on_machine and not contender.stays_on_machine:
        reasons.append("it sends data off this machine")
    return reasons


def _quality_violations(contender: ContenderSummary, limits: Limits) -> list[str]:
    reasons = []
    if contender.quality is None and contender.why_unscored:
        reasons.append(f"none of its rows was scored: {contender.why_unscored}")
    elif contender.quality is None:
        reasons.append("none of its rows was scored")
    if contender.coverage < limits.least_coverage:
        share, least = 100 * contender.coverage, 100 * limits.least_coverage
        reasons.append(f"only {math.floor(share * 10) / 10:g} % of its rows were scored and you ask for {least:g} %")
    if contender.quality is not None and (floor := limits.quality_floor) is not None:
        quality = f"its quality of {interval_text(contender.quality, contender.low, contender.high)}"
        if contender.quality < floor:
            reasons.append(f"{quality} is below your floor of {floor:g}")
        elif contender.low is None or contender.low < floor:
            reasons.append(f"{quality} is not shown to reach your floor of {floor:g}")
    return reasons


def _over(value: float | None, limit: float, what: str, unit: str) -> list[str]:
    if value is None:
        return [f"its {what} is unknown, so it is not shown to stay under your {limit:g} {unit}"]
    return [f"its {what} of {figures(value)[0]} {unit} is over your {limit:g} {unit}"] if value > limit else []
