"""Bar charts: upright with an axis, upright with the values on the bars, lying, or two series side by side."""

from random import Random
from typing import Any

from matplotlib.axes import Axes

from .chart import (
    BAR_COLOURS,
    FAMILIES,
    finish,
    legend,
    new_chart,
    number_axis,
    number_text,
    other_question,
    value_question,
)
from .drawing import Drawing

TOPICS = (
    ("Passengers by route", "Route", "Passengers", ("Brennick", "Saint Osk", "Sallow", "Tarn", "Merrow"), 500),
    ("Meals sold on board", "Meal", "Portions", ("Soup", "Salad", "Pasta", "Curry", "Cake", "Fruit"), 20),
    ("Complaints by topic", "Topic", "Complaints", ("Delay", "Baggage", "Seats", "Refunds", "Staff"), 10),
    ("Bookings by channel", "Channel", "Bookings", ("App", "Website", "Phone", "Desk"), 1000),
    ("Bags checked in", "Weekday", "Bags", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), 200),
    ("Night train berths sold", "Month", "Berths", ("May", "June", "July", "August"), 100),
    ("Parking spaces in use", "Car park", "Spaces", ("P1", "P3", "P6", "Harbour", "Station"), 50),
    ("Visitors of the museum", "Season", "Visitors", ("Spring", "Summer", "Autumn", "Winter"), 2000),
    ("Bicycles carried", "Line", "Bicycles", ("Coastal", "Express", "Hill", "Island", "Night"), 20),
    ("Lounge guests", "Weekday", "Guests", ("Mon", "Tue", "Wed", "Thu", "Fri"), 50),
)


def draw(number: int, rng: Random) -> Drawing:
    """The chart TOPICS[number]; values are whole or half steps of the axis, all different within a series."""
    title, x_label, y_label, names, step = TOPICS[number]
    layout = (_upright, _valued, _lying, _grouped)[number % 4]
    series_names = ("2025", "2026") if layout is _grouped else (y_label,)
    series: dict[str, Any] = {
        "chart": "bar",
        "orientation": "horizontal" if layout is _lying else "vertical",
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "x": list(names),
        "values": {name: [half * step // 2 for half in rng.sample(range(3, 15), len(names))] for name in series_names},
    }
    figure, axes = new_chart()
    layout(axes, series, step)
    image, lines = finish(figure, series, FAMILIES[number % 5])
    return Drawing(image, lines, [value_question(series, rng), other_question(series, number)], series=series)


def _upright(axes: Axes, series: dict[str, Any], step: int) -> None:
    (values,) = series["values"].values()
    axes.bar(series["x"], values, color=BAR_COLOURS[0], width=0.6)
    number_axis(axes, 8 * step, step)


def _valued(axes: Axes, series: dict[str, Any], step: int) -> None:
    (values,) = series["values"].values()
    number_axis(axes, 8 * step, step)
    axes.grid(visible=False)
    axes.set_yticks([])
    bars = axes.bar(series["x"], values, color=BAR_COLOURS[0], edgecolor="#2b5d8c", width=0.75)
    for bar, value in zip(bars, values, strict=True):
        axes.text(bar.get_x() + bar.get_width() / 2, 0.3 * step, number_text(value), ha="center", fontsize=15)


def _lying(axes: Axes, series: dict[str, Any], step: int) -> None:
    (values,) = series["values"].values()
    number_axis(axes, 8 * step, step, axis="x")
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.barh(series["x"], values, color=BAR_COLOURS[0], height=0.6)
    axes.invert_yaxis()
    for row, value in enumerate(values):
        axes.text(value + 0.1 * step, row, number_text(value), va="center", fontsize=15)


def _grouped(axes: Axes, series: dict[str, Any], step: int) -> None:
    for index, (name, values) in enumerate(series["values"].items()):
        places = [place + 0.36 * index for place in range(len(values))]
        axes.bar(places, values, color=BAR_COLOURS[index], width=0.34, label=name)
    number_axis(axes, 8 * step, step)
    axes.set_xticks([place + 0.18 for place in range(len(series["x"]))], series["x"])
    legend(axes, 2)
