"""Figures as a sentence shows them."""

from collections.abc import Sequence


def interval_text(value: float, low: float | None, high: float | None, unit: str = "") -> str:
    """`0.41 (0.36-0.46)`, `0.02 F1 (-0.01 to 0.05)`; without an interval it says so."""
    unit = f" {unit}" if unit else ""
    if low is None or high is None:
        return f"{figures(value)[0]}{unit} (no interval)"
    middle, first, last = figures(value, low, high)
    return f"{middle}{unit} ({first}{' to ' if low < 0 else '-'}{last})"


def figures(*values: float) -> list[str]:
    """The numbers with as many decimals, from 2 to 6, as none of them needs to look like zero when it is not."""
    decimals = 2
    while decimals < 6 and any(value and abs(value) < 10**-decimals for value in values):
        decimals += 1
    return [f"{value:,.{decimals}f}" for value in values]


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`"""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
