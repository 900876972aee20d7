"""Figures that model cards and others published, beside a run in their setting (definitions/published.yaml)."""

from collections.abc import Mapping
from dataclasses import dataclass

from bakeoff.benchmarks.definition import definition
from bakeoff.errors import InputError


@dataclass(frozen=True)
class Published:
    """A figure: of which task and metric, its value, the rows of the data behind it, and the setting in words."""

    task: str
    metric: str
    value: float
    rows: int
    setting: str


def published(model: str, task: str) -> Published:
    """The figure of a catalog model on a task. Raises InputError, with those there are, where nobody gave one."""
    figures = {name: [Published(**one) for one in entries] for name, entries in definition("published").texts.items()}
    for figure in figures.get(model, []):
        if figure.task == task:
            return figure
    known = ", ".join(f"{name} on {one.task}" for name, entries in figures.items() for one in entries)
    raise InputError(f"there is no published figure of {model} on {task} to verify; there are: {known}")


def verify(figure: Published, card: Mapping[str, object], metrics: Mapping[str, float]) -> tuple[bool, str]:
    """Whether the figure lies inside the run's 95 % interval, and that in words.

    A run on other data than the published ones says so: it can neither confirm nor contradict the figure.
    """
    name = figure.metric
    low, high = metrics[f"{name}_ci_low"], metrics[f"{name}_ci_high"]
    inside = low <= figure.value <= high
    data = card["data"]
    rows = data["rows"] if isinstance(data, dict) else 0
    said = (
        f"published {name} {figure.value:.4f} ({figure.setting}) lies {'inside' if inside else 'outside'} "
        f"the 95 % interval {low:.4f} to {high:.4f} of {metrics[name]:.4f}, {card['n']:,} items"
    )
    if rows != figure.rows:
        said += (
            f"; but these data are {rows:,} rows and the published {figure.rows:,}: a part that is no random sample "
            "can differ, so this neither confirms nor contradicts it"
        )
    return inside, said
