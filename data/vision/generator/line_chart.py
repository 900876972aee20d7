"""Line charts with one to three series; some write the values in a row below the axis."""

from random import Random
from typing import Any

from .chart import (
    FAMILIES,
    LINE_COLOURS,
    finish,
    legend,
    new_chart,
    number_axis,
    number_text,
    other_question,
    value_question,
)
from .drawing import Drawing

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sep", "Oct", "Nov", "Dec")
TOPICS = (
    ("Website visits", "Month", "Visits", MONTHS[:8], ("Visits",), 1000),
    ("Average delay", "Month", "Minutes", MONTHS[4:10], ("Trains", "Ferries"), 4),
    ("Water temperature at Tarn", "Month", "Degrees Celsius", MONTHS[2:9], ("Degrees",), 4),
    ("Seats sold", "Year", "Seats", ("2021", "2022", "2023", "2024", "2025"), ("First class", "Second class"), 200),
    ("Fuel used by the ships", "Week", "Tonnes", ("W1", "W2", "W3", "W4", "W5", "W6"), ("Tonnes",), 10),
    ("Calls to the booking line", "Hour", "Calls", ("8", "10", "12", "14", "16", "18"), ("Mon", "Wed", "Fri"), 50),
    ("Newsletter readers", "Year", "Readers", ("2022", "2023", "2024", "2025", "2026"), ("Readers",), 2000),
    ("Coffee sold in coach C", "Weekday", "Cups", ("Mon", "Tue", "Wed", "Thu", "Fri"), ("Summer", "Winter"), 20),
    ("Price of a ticket to Brennick", "Days ahead", "EUR", ("1", "7", "14", "30", "60"), ("Express", "Coastal"), 10),
    ("Staff at the harbour", "Month", "People", MONTHS[:6], ("People",), 20),
)


def draw(number: int, rng: Random) -> Drawing:
    """The chart TOPICS[number]; values are whole or half steps of the axis, all different within a series."""
    title, x_label, y_label, x, names, step = TOPICS[number]
    series: dict[str, Any] = {
        "chart": "line",
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "x": list(x),
        "values": {name: [half * step // 2 for half in rng.sample(range(2, 15), len(x))] for name in names},
    }
    figure, axes = new_chart()
    for index, (name, values) in enumerate(series["values"].items()):
        axes.plot(range(len(x)), values, color=LINE_COLOURS[index], linewidth=3, label=name)
    number_axis(axes, 8 * step, step)
    axes.set_xticks(range(len(x)), x)
    if len(names) == 1 and number % 4 != 2:
        for place, value in enumerate(series["values"][names[0]]):
            axes.text(place, -0.24, number_text(value), fontsize=14, ha="center", transform=axes.get_xaxis_transform())
    if len(names) > 1:
        legend(axes, len(names))
    image, lines = finish(figure, series, FAMILIES[number % 5])
    return Drawing(image, lines, [value_question(series, rng), other_question(series, number)], series=series)
