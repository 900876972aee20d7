from datetime import date

import pytest

from bakeoff.experiments.cost import Hardware, break_even, local_cost, token_cost
from bakeoff.experiments.prices import Price, old_price

PRICE = Price("cloud", 0.15, 0.60, "EUR", date(2026, 5, 27), "somewhere")
MACHINE = Hardware(price=960, lifetime_years=4, watts=36, price_per_kwh=0.3)


def test_tokens_at_their_price() -> None:
    cost = token_cost(PRICE, [100, 300], [50, 50])
    assert cost.per_1000 == pytest.approx((200 * 0.15 + 50 * 0.60) / 1e6 * 1000)
    assert cost.basis == "cloud of 2026-05-27 on 2 rows"


def test_no_tokens_are_unknown_not_free() -> None:
    assert token_cost(PRICE, [], []).per_1000 is None


def test_a_machine_wears_and_draws_power() -> None:
    assert MACHINE.monthly == 20
    assert MACHINE.energy(3600) == pytest.approx(0.0108)
    cost = local_cost(MACHINE, 10.0, 10_000)
    assert cost.per_1000 == pytest.approx(20 / 10 + 1000 * 0.00003)


def test_without_a_volume_the_machine_is_busy_all_month() -> None:
    cost = local_cost(MACHINE, 10.0, None)
    assert cost.per_1000 == pytest.approx(20 / 262.980 + 0.03)
    assert "the least it can be" in cost.basis


def test_a_volume_that_one_machine_cannot_do() -> None:
    cost = local_cost(MACHINE, 10.0, 300_000)
    assert cost.per_1000 is None
    assert "262,980 requests a month, not 300,000" in cost.basis


@pytest.mark.parametrize("seconds", [None, 0.0, 1e9])
def test_no_time_or_an_endless_one_has_no_cost(seconds: float | None) -> None:
    assert local_cost(MACHINE, seconds, None).per_1000 is None


def test_the_volume_from_which_on_local_is_cheaper() -> None:
    point = break_even("local", MACHINE, 1.0, "cloud", 0.103)
    requests = point.monthly_requests
    assert requests == 200_001
    for volume, local_is_cheaper in ((requests, True), (requests - 2, False)):
        local = MACHINE.monthly + volume * MACHINE.energy(1.0)
        assert (local < volume * 0.103 / 1000) is local_is_cheaper


def test_never_cheaper() -> None:
    assert break_even("local", MACHINE, 1.0, "cloud", 0.003).monthly_requests is None
    beyond = break_even("local", MACHINE, 100.0, "cloud", 0.5)
    assert beyond.monthly_requests is None
    assert "one machine does 26,298" in beyond.reason


@pytest.mark.parametrize(("today", "old"), [(date(2027, 5, 27), False), (date(2027, 5, 28), True)])
def test_a_price_of_more_than_a_year_ago_is_told_of(today: date, old: bool) -> None:
    said = old_price(Price("cloud", 1.0, 2.0, "EUR", date(2026, 5, 27), "somewhere"), today)
    assert said == (
        "the price cloud is of 2026-05-27, more than a year old: look it up anew (somewhere)" if old else None
    )
