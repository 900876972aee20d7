"""What bar and line charts share: a matplotlib figure with the axis label above it, and the text on it."""

import io
from random import Random
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from PIL import Image

from .drawing import Question, extreme

SMALL_FAMILY = "STIXGeneral"
FAMILIES = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans", SMALL_FAMILY, "DejaVu Sans Mono")
LINE_COLOURS = ("#1f4570", "#d9822b", "#86cbb8")
BAR_COLOURS = ("#bcd3e8", "#d9a066")
DPI = 100


def number_text(value: float) -> str:
    return f"{value:,.0f}"


def new_chart() -> tuple[Figure, Axes]:
    """A figure of 800 x 500 pixels and its axes."""
    figure = Figure(figsize=(8, 5), dpi=DPI)
    axes = figure.add_axes((0.15, 0.21, 0.81, 0.53))
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def finish(figure: Figure, series: dict[str, Any], family: str) -> tuple[Image.Image, list[str]]:
    """Write title and axis labels, draw all text in `family`, and return the picture and the rows of its text.

    The y label stands level above the axis, as in many newspapers: so the rows of text have one order.
    """
    figure.text(0.03, 0.92, series["title"], fontsize=19, fontweight="bold")
    figure.text(0.03, 0.85, series["y_label"], fontsize=15)
    figure.text(0.555, 0.03, series["x_label"], fontsize=15, ha="center")
    for text in figure.findobj(Text):
        text.set_fontfamily(family)
        if family == SMALL_FAMILY:
            text.set_fontsize(float(text.get_fontsize()) * 1.2)
    with io.BytesIO() as file:
        figure.savefig(file, format="png")
        image = Image.open(file).convert("RGB")
    return image, _rows(figure)


def number_axis(axes: Axes, top: float, step: float, axis: str = "y") -> None:
    """Ticks from 0 to `top` every `step`, with grid lines behind the data."""
    ticks = [step * index for index in range(round(top / step) + 1)]
    chosen = axes.yaxis if axis == "y" else axes.xaxis
    chosen.set_ticks(ticks)
    chosen.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axes.set_axisbelow(True)
    axes.grid(axis="y" if axis == "y" else "x", color="#ececec", linewidth=0.8)
    (axes.set_ylim if axis == "y" else axes.set_xlim)(0, top)
    axes.tick_params(labelsize=14, length=0, pad=12)
    axes.tick_params(axis="x", pad=15)


def legend(axes: Axes, columns: int) -> None:
    """The names of the series in one row above the axes."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, frameon=False, fontsize=14)


def _rows(figure: Figure) -> list[str]:
    """Texts whose middles are less than half a line apart make a row."""
    rows: list[tuple[float, list[tuple[float, str]]]] = []
    boxes = [(text.get_window_extent(), text.get_text()) for text in figure.findobj(Text) if _shown(text)]
    for box, string in sorted(boxes, key=lambda item: -(item[0].y0 + item[0].y1)):
        middle = (box.y0 + box.y1) / 2
        if not rows or rows[-1][0] - middle > box.height / 2:
            rows.append((middle, []))
        rows[-1][1].append((box.x0, string))
    return [" ".join(string for _, string in sorted(texts)) for _, texts in rows]


def _shown(text: Text) -> bool:
    return text.get_visible() and bool(text.get_text().strip())


def value_question(series: dict[str, Any], rng: Random) -> Question:
    """Ask for one drawn value, with the name of its series where there is a legend."""
    name = rng.choice(list(series["values"]))
    index = rng.randrange(len(series["x"]))
    of = f' of "{name}"' if len(series["values"]) > 1 else ""
    answer = number_text(series["values"][name][index])
    return Question(f'What is the value{of} for "{series["x"][index]}"?', "numeric", answer)


def other_question(series: dict[str, Any], turn: int) -> Question:
    """A comparison, a count or a piece of text, by `turn`."""
    name = next(iter(series["values"]))
    subject = f'"{name}"' if len(series["values"]) > 1 else "the value"
    values = dict(zip(series["x"], series["values"][name], strict=True))
    return (
        Question(f'At which "{series["x_label"]}" is {subject} highest?', "comparison", extreme(values, max)),
        Question("What is the title of the chart?", "text", series["title"]),
        Question(f'At which "{series["x_label"]}" is {subject} lowest?', "comparison", extreme(values, min)),
        Question(f'How many different values of "{series["x_label"]}" are shown?', "count", str(len(values))),
        Question("What does the vertical axis show?", "text", series["y_label"]),
    )[turn % 5]
