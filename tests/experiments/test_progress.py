import io
from datetime import date

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from bakeoff.experiments.prices import Price
from bakeoff.experiments.progress import Pace, PlainProgress, _LiveProgress, duration
from bakeoff.hosts.experiment_cell import Line
from bakeoff.hosts.experiment_watch import Watched

PRICE = Price("cloud", 1.0, 2.0, "USD", date(2026, 5, 27), "somewhere")


def test_the_pace_counts_only_rows_that_were_run() -> None:
    now = [100.0]
    pace = Pace(total=100, done=60, clock=lambda: now[0])
    assert pace.text(60) == ""
    now[0] = 110.0
    assert pace.text(65) == "0.5 rows/s, 1 min 10 s left"
    assert pace.text(100) == "4 rows/s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_where_there_is_no_terminal() -> None:
    now, lines = [0.0], []
    progress = PlainProgress(lines.append, clock=lambda: now[0])
    progress.start("cloud", 200, 100)
    for second, done in ((5, 110), (10, 120)):
        now[0] = second
        progress.update(done, 1, "0.0040 USD")
    progress.update(121, 1, "0.0041 USD")
    progress.note("scoring")
    progress.note("")
    assert lines == [
        "  cloud: 200 rows, 100 at hand",
        "  cloud: 120 of 200 rows, 1 errors, 0.0040 USD, 2 rows/s, 40 s left",
        "  cloud: scoring",
    ]


def test_bars_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Bars("{task.description}", "{task.completed}/{task.total}", "{task.fields[figures]}", console=console) as bars:
        progress = _LiveProgress(bars)
        progress.start("cloud", 10, 0)
        progress.update(4, 1, "0.02 USD")
    assert isinstance(console.file, io.StringIO)
    assert "cloud 4/10 1 errors, 0.02 USD, " in console.file.getvalue()


def test_what_was_spent_so_far() -> None:
    watched = Watched(PRICE)
    for prompt, answer in ((1000, 100), (2000, None), (0, 400)):
        completion = {"prompt_tokens": prompt, "completion_tokens": answer}
        watched.pay(Line(0, {"completion": completion}, 0.1, ""))
    watched.pay(Line(0, None, 0.1, "failed"))
    assert watched.spent == pytest.approx(0.002)
    assert watched.spent_text == "0.002 USD"
    assert Watched(None).spent_text == ""
