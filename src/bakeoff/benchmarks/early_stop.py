"""Stop when the accuracy of all items is known well enough, with a bound on how often that is wrong.

Items are asked in an order drawn with the seed, and looked at after 64, 128, 256, ... of them. At each look the items
asked are a random sample without replacement, so the number right among all items, asked or not, has an exact
interval: the values for which neither tail of the hypergeometric distribution is below half the level. Each of the k
looks before the end has the level `ERROR_RATE` / k, so whatever look it stops at, the interval it stops with misses the
accuracy of all items in at most `ERROR_RATE` of runs (Boole's inequality). Source of the interval: Buonaccorsi 1987,
"A note on confidence intervals for proportions in finite populations", The American Statistician 41:215-218.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from scipy.stats import hypergeom

from bakeoff.benchmarks.items import Item

ERROR_RATE = 0.05
FIRST_LOOK = 64


@dataclass(frozen=True)
class Look:
    """After `asked` of `total` items: the accuracy of all of them lies between low and high."""

    asked: int
    total: int
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


def looks(total: int) -> list[int]:
    """After how many items one looks; the last is all of them."""
    doubled = [FIRST_LOOK << i for i in range(64) if FIRST_LOOK << i < total]
    return [*doubled, total]


def rounds(items: Sequence[Item], seed: int) -> list[list[Item]]:
    """The items in the order drawn, those between two looks together."""
    order = random.Random(f"early stop {seed}").sample(list(items), len(items))
    ends = looks(len(items))
    return [order[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def look(right: int, wrong: int, asked: int, total: int) -> Look:
    """What `asked` items say about all: an item asked that is neither right nor wrong (an error) may be either."""
    level = ERROR_RATE / max(1, len(looks(total)) - 1)
    low = _fewest_right(right, asked, total, level)
    high = total - _fewest_right(wrong, asked, total, level)
    return Look(asked, total, low / total, high / total)


@cache
def _fewest_right(right: int, asked: int, total: int, level: float) -> int:
    """The smallest number of all items that makes `right` or more of those asked likelier than half the level."""
    low, high = right, total
    while low < high:
        middle = (low + high) // 2
        if hypergeom.sf(right - 1, total, middle, asked) > level / 2:
            high = middle
        else:
            low = middle + 1
    return low
