from itertools import pairwise
from os.path import commonprefix
from types import SimpleNamespace

import pytest

from bakeoff.benchmarks import estimate
from bakeoff.benchmarks.items import Item


def item(number: int, prompt: str) -> Item:
    return Item(f"{number}", "", prompt, (" A", " B"), None)


def new_characters(prompt: str, before: str) -> int:
    """Those of the prompt after what it has in common with the one before, and the four of the choices."""
    return len(prompt) - len(commonprefix([prompt, before])) + 4  # noqa: RUF071


def test_time_grows_with_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """50 questions after each of two prefixes of 1,000 characters, at a second for each new character; the first call
    takes long, because it loads the model."""
    items = [item(i, "ab"[i // 50] * 1000 + f"{i:020}") for i in range(100)]
    clock = SimpleNamespace(now=0.0)
    asked: list[Item] = []

    def ask(one: Item) -> None:
        clock.now += new_characters(one.prompt, asked[-1].prompt if asked else "") + (0 if asked else 5000)
        asked.append(one)

    monkeypatch.setattr(estimate, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    seconds = estimate.seconds_of(items, estimate.probes(items), ask)
    really = sum(new_characters(b.prompt, a.prompt) for a, b in pairwise([item(-1, ""), *items]))
    assert seconds == pytest.approx(really)
    assert len({one.id for one in asked}) == 9


def test_a_short_run_needs_no_estimate() -> None:
    assert estimate.probes([item(i, "p") for i in range(23)]) == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(40.2, "40 seconds"), (700, "12 minutes"), (5800, "1.6 hours"), (99999, "27.8 hours")]
)
def test_times_are_told_in_one_unit(seconds: float, said: str) -> None:
    assert estimate.spoken(seconds) == said
