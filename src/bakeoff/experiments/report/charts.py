"""The charts of the report, drawn by matplotlib as SVG in the colours of the page."""

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from bakeoff.experiments.result import ContenderResult, TaskResult

WIDTH = 4.8
"""Inches: narrow, so that its letters can be read where a phone makes it 350 pixels wide."""
LABEL = 18
INK, MUTED, LINE, ACCENT = "#010203", "#040506", "#070809", "#0a0b0c"
"""Stand-ins: the SVG gets the page's own colours in their place, so that it follows its dark and light."""
_COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", ACCENT: "var(--accent)"}


@dataclass(frozen=True)
class Chart:
    """svg: to be put into the page as it is. description: what it shows, for those who do not see it."""

    title: str
    description: str
    svg: Markup


def interval_charts(task: TaskResult) -> list[Chart]:
    """For each metric the contenders' means and 95 % intervals, the best on top."""
    charts = []
    for number, metric in enumerate(task.contenders[0].metrics):
        found = [(c.name, c.metrics[number]) for c in task.contenders if c.metrics[number].mean is not None]
        ordered = sorted(found, key=lambda pair: pair[1].mean or 0.0)
        if not ordered:
            continue
        with _figure(0.8 + 0.45 * len(ordered)) as (figure, axes):
            for place, (_, m) in enumerate(ordered):
                if m.low is not None and m.high is not None:
                    axes.plot([m.low, m.high], [place, place], color=ACCENT, linewidth=2.5, solid_capstyle="round")
                axes.plot([m.mean], [place], "o", color=ACCENT, markersize=7)
            axes.set_yticks(range(len(ordered)), [textwrap.fill(name, LABEL) for name, _ in ordered])
            axes.set_ylim(-0.6, len(ordered) - 0.4)
            axes.set_xlabel(metric.label)
            axes.grid(axis="x")
            best, worst = ordered[-1], ordered[0]
            charts.append(
                Chart(
                    metric.label,
                    f"Mean {metric.label} of each contender with its 95 % interval, from {best[0]} "
                    f"({best[1].mean:.3g}) down to {worst[0]} ({worst[1].mean:.3g}).",
                    _svg(figure, f"{task.name} {metric.name}"),
                )
            )
    return charts


def trade_off_charts(task: TaskResult, currency: str) -> list[Chart]:
    """Quality against time and against cost, as far as they are known, with the Pareto front of the contenders."""
    axes_of = [
        ("time", "seconds a request (p95)", {c.name: c.latency.p95 for c in task.contenders if c.latency}),
        (
            "cost",
            f"{currency} per 1,000 requests",
            {c.name: c.cost.per_1000 for c in task.contenders if c.cost.per_1000 is not None},
        ),
    ]
    charts = []
    for name, label, known in axes_of:
        shown = [c for c in task.contenders if not c.baseline and c.name in known and c.metrics[0].mean is not None]
        if len(shown) < 2:
            continue
        charts.append(_trade_off(task, name, label, [(c, float(known[c.name] or 0.0)) for c in shown]))
    return charts


def pareto(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, quality) those that no other one beats in both, the cheapest first."""
    front: list[tuple[float, float]] = []
    for cost, quality in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def _trade_off(task: TaskResult, name: str, label: str, shown: list[tuple[ContenderResult, float]]) -> Chart:
    quality = shown[0][0].metrics[0].label
    points = {c.name: (x, c.metrics[0].mean or 0.0) for c, x in shown}
    front = pareto(list(points.values()))
    on_front = [contender for contender, point in points.items() if point in front]
    largest = max(x for x, _ in points.values())
    with _figure(3.2) as (figure, axes):
        axes.plot(*zip(*front, strict=True), color=MUTED, linewidth=1.5, drawstyle="steps-post")
        for number, (contender, _) in enumerate(sorted(shown, key=lambda pair: points[pair[0].name][1])):
            x, y = points[contender.name]
            metric = contender.metrics[0]
            if metric.low is not None and metric.high is not None:
                axes.plot([x, x], [metric.low, metric.high], color=MUTED, linewidth=1)
            filled = ACCENT if contender.name in on_front else "none"
            axes.plot([x], [y], "o", markersize=8, markerfacecolor=filled, markeredgecolor=ACCENT)
            side, away = ("left", 7) if x <= 0.6 * largest else ("right", -7)
            place = (away, (-12, 5)[number % 2])
            axes.annotate(contender.name, (x, y), xytext=place, textcoords="offset points", color=INK, ha=side)
        axes.set_xlabel(label)
        axes.set_ylabel(quality)
        axes.margins(y=0.15)
        axes.set_xlim(0, 1.1 * largest or 1)
        axes.grid()
        description = f"{quality} against {label}. Not beaten in both: {', '.join(on_front)}."
        return Chart(f"{quality} against {name}", description, _svg(figure, f"{task.name} {name}"))


@contextmanager
def _figure(height: float) -> Iterator[tuple[Any, Any]]:
    import matplotlib
    from matplotlib.figure import Figure

    settings: Any = {
        "font.size": 10.5,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": LINE,
        "xtick.color": MUTED,
        "ytick.color": LINE,
        "ytick.labelcolor": INK,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.fonttype": "none",
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        yield figure, axes


def _svg(figure: Any, salt: str) -> Markup:
    """salt: keeps the ids of one chart apart from another's, and the same from run to run."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg, count=1)
    prefix = re.sub(r"\W+", "_", salt)
    svg = re.sub(r'\bid="', f'id="{prefix}_', svg)
    svg = svg.replace('href="#', f'href="#{prefix}_').replace("url(#", f"url(#{prefix}_")
    for stand_in, colour in _COLOURS.items():
        svg = svg.replace(stand_in, colour)
    return Markup(svg)
