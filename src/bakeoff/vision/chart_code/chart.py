"""The data of a bar or line chart, as the truth of a picture or as drawn by code."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bakeoff.errors import InputError


@dataclass(frozen=True)
class Series:
    """One set of bars or one line: its name in the legend ("" without one), and its points."""

    name: str
    x: tuple[str | float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class ChartData:
    """What a chart says. x are category names or numbers; for horizontal bars x are the names, y the lengths."""

    kind: Literal["bar", "line"]
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]


def read_chart(record: Mapping[str, Any]) -> ChartData:
    """A chart from its record: {kind, title, x_label, y_label, series: [{name, x: [...], y: [...]}]}.

    Raises InputError, naming the field, where something is missing or of the wrong type.
    """
    kind, series = record.get("kind"), record.get("series")
    if kind not in ("bar", "line"):
        raise InputError(f"the chart's kind is {kind!r}: use 'bar' or 'line'")
    if not isinstance(series, list):
        raise InputError(f"the chart's series are a {type(series).__name__}, not a list")
    title, x_label, y_label = (_text(record, name) for name in ("title", "x_label", "y_label"))
    return ChartData(kind, title, x_label, y_label, tuple(_series(one, i) for i, one in enumerate(series, 1)))


def read_truth(record: Mapping[str, Any]) -> ChartData:
    """A chart from the `series` of a picture in data/vision/images.jsonl, where all series share their x:
    {chart, title, x_label, y_label, x: [...], values: {name: [...]}}. Raises InputError as `read_chart` does.
    """
    values = record.get("values")
    if not isinstance(values, Mapping):
        raise InputError(f"the chart's values are a {type(values).__name__}, not an object of series")
    series = [{"name": name, "x": record.get("x"), "y": y} for name, y in values.items()]
    return read_chart({**record, "kind": record.get("chart"), "series": series})


def _series(record: Any, number: int) -> Series:
    if not isinstance(record, Mapping):
        raise InputError(f"series {number} is a {type(record).__name__}, not an object")
    x, y = record.get("x"), record.get("y")
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        raise InputError(f"series {number}: x and y must be lists of the same length")
    if not all(isinstance(one, str) or _is_number(one) for one in x):
        raise InputError(f"series {number}: x holds something that is neither a text nor a finite number")
    if not all(_is_number(one) for one in y):
        raise InputError(f"series {number}: y holds something that is no finite number")
    return Series(_text(record, "name"), tuple(x), tuple(float(one) for one in y))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(f"the chart's {name} is a {type(value).__name__}, not a string")
    return value or ""
