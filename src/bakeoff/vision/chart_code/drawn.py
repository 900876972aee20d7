"""What the axes of a matplotlib figure show, as the record that `chart.read_chart` reads."""

import math
from collections.abc import Iterator
from typing import Any


def chart_record(axes: Any) -> dict[str, Any]:
    """The bars of the axes, or its lines where it has none. Horizontal bars are told as if they stood upright."""
    containers = [c for c in axes.containers if type(c).__name__ == "BarContainer" and len(c)]
    lying = bool(containers) and containers[0].orientation == "horizontal"
    labels = (axes.get_ylabel(), axes.get_xlabel()) if lying else (axes.get_xlabel(), axes.get_ylabel())
    series = [_bars(one, axes, lying) for one in containers] or list(_lines(axes))
    legend = axes.get_legend()
    names = [text.get_text() for text in legend.get_texts()] if legend else []
    for one, name in zip(series, names, strict=False):
        one["name"] = one["name"] or name
    return {
        "kind": "bar" if containers else "line",
        "title": axes.get_title(),
        "x_label": labels[0],
        "y_label": labels[1],
        "series": series,
    }


def _bars(container: Any, axes: Any, lying: bool) -> dict[str, Any]:
    axis = axes.yaxis if lying else axes.xaxis
    points = []
    for bar in container:
        corner, size = bar.get_xy(), (bar.get_width(), bar.get_height())
        place, length = (1, 0) if lying else (0, 1)
        points.append((_name(corner[place] + size[place] / 2, axis), float(size[length])))
    return _series(container.get_label(), points)


def _lines(axes: Any) -> Iterator[dict[str, Any]]:
    for line in axes.get_lines():
        if all(line.get_transform().contains_branch_seperately(axes.transData)):
            points = zip(line.get_xdata(orig=False), line.get_ydata(orig=False), strict=True)
            yield _series(line.get_label(), [(_name(float(x), axes.xaxis), float(y)) for x, y in points])


def _series(label: Any, points: list[tuple[str | float, float]]) -> dict[str, Any]:
    finite = [(x, y) for x, y in points if math.isfinite(y) and (isinstance(x, str) or math.isfinite(x))]
    name = "" if str(label).startswith("_") else str(label)
    return {"name": name, "x": [x for x, _ in finite], "y": [y for _, y in finite]}


def _name(position: float, axis: Any) -> str | float:
    """The label of the nearest tick where the code named the ticks, else the position itself."""
    if type(axis.get_major_formatter()).__name__ not in ("StrCategoryFormatter", "FixedFormatter", "FuncFormatter"):
        return float(position)
    ticks = [(abs(tick.get_loc() - position), tick.label1.get_text()) for tick in axis.get_major_ticks()]
    return min(ticks)[1] if ticks else float(position)
