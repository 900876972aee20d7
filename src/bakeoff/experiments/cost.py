"""What requests cost: tokens at a price, or a machine of one's own that wears out and draws power."""

import math
from dataclasses import dataclass
from statistics import fmean

from bakeoff.experiments.prices import Price

SECONDS_A_MONTH = 365.25 / 12 * 86_400


@dataclass(frozen=True)
class Hardware:
    """A machine as its owner states it. price: of the machine, or of the share of it that the job uses; watts: drawn
    under load; price_per_kwh and price in one currency."""

    price: float
    lifetime_years: float
    watts: float
    price_per_kwh: float

    @property
    def monthly(self) -> float:
        """What it loses in value each month, used or not (straight line over its lifetime)."""
        return self.price / (self.lifetime_years * 12)

    def energy(self, seconds: float) -> float:
        """What the power for so many seconds of load costs."""
        return self.watts / 1000 * seconds / 3600 * self.price_per_kwh


@dataclass(frozen=True)
class Cost:
    """per_1000: of 1,000 requests; None is unknown, which is never zero. basis: what the figure rests on, or lacks."""

    per_1000: float | None
    basis: str


@dataclass(frozen=True)
class BreakEven:
    """From `monthly_requests` on a month is cheaper on the local machine; None: at no volume, see `reason`."""

    local: str
    cloud: str
    monthly_requests: int | None
    reason: str


def token_cost(price: Price, prompt_tokens: list[int], completion_tokens: list[int]) -> Cost:
    """Mean cost of the requests whose token counts these are (one number a request), at list price."""
    if not prompt_tokens or not completion_tokens:
        return Cost(None, "no row has token counts")
    basis = f"{price.name} of {price.date.isoformat()} on {len(prompt_tokens):,} rows"
    return Cost(request_cost(price, fmean(prompt_tokens), fmean(completion_tokens)) * 1000, basis)


def request_cost(price: Price, prompt_tokens: float, completion_tokens: float) -> float:
    """What a request of so many tokens costs at list price."""
    return (price.input_per_million * prompt_tokens + price.output_per_million * completion_tokens) / 1_000_000


def local_cost(hardware: Hardware, machine_seconds: float | None, monthly_requests: int | None) -> Cost:
    """Wear and power of requests that each take the whole machine for so many seconds.

    The month's wear is shared by the requests of the month; without a volume by as many as the machine can do, the
    least it can be. Unknown where the machine cannot do the volume.
    """
    if machine_seconds is None or machine_seconds <= 0:
        return Cost(None, "no row has a time")
    capacity = _capacity(machine_seconds)
    if monthly_requests is None:
        requests, basis = capacity, f"machine busy all month ({capacity:,} requests): the least it can be"
    elif monthly_requests > capacity:
        return Cost(None, f"one machine does {capacity:,} requests a month, not {monthly_requests:,}")
    else:
        requests, basis = monthly_requests, f"{monthly_requests:,} requests a month share the machine's wear"
    if requests == 0:
        return Cost(None, "one request takes the machine more than a month")
    return Cost((hardware.monthly / requests + hardware.energy(machine_seconds)) * 1000, basis)


def break_even(local: str, hardware: Hardware, machine_seconds: float, cloud: str, cloud_per_1000: float) -> BreakEven:
    """The monthly volume from which on `local` (its wear is due whatever the volume) is cheaper than `cloud`."""
    saved = cloud_per_1000 / 1000 - hardware.energy(machine_seconds)
    if saved <= 0:
        return BreakEven(local, cloud, None, "the power of a request alone costs no less than the cloud's tokens")
    requests = math.floor(hardware.monthly / saved) + 1
    capacity = _capacity(machine_seconds)
    if requests > capacity:
        reason = f"it would take {requests:,} requests a month and one machine does {capacity:,}"
        return BreakEven(local, cloud, None, reason)
    return BreakEven(local, cloud, requests, f"wear {hardware.monthly:.2f} a month, saved {saved * 1000:.4f} per 1,000")


def _capacity(machine_seconds: float) -> int:
    return int(SECONDS_A_MONTH / machine_seconds)
