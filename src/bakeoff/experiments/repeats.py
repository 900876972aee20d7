"""The same contender run several times: how much scores move between runs, and how much between items."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bakeoff.errors import InputError
from bakeoff.experiments.pairing import Scores


@dataclass(frozen=True)
class VarianceComponents:
    """Variances in the metric's unit squared.

    items: how many had at least one score. runs: scores of an item, on average (unequal counts weigh as in the
    ANOVA). item_variance: between the true scores of items; run_variance: between runs of one item.
    """

    items: int
    runs: float
    mean: float
    item_variance: float
    run_variance: float

    @property
    def run_share(self) -> float:
        """Share of one score's variance that comes from running again; 0 where scores do not vary at all."""
        total = self.item_variance + self.run_variance
        return self.run_variance / total if total else 0.0

    def standard_error(self, runs: float | None = None) -> float:
        """Standard error of the mean over these items with so many runs of each; None for the runs at hand."""
        return math.sqrt((self.item_variance + self.run_variance / (runs or self.runs)) / self.items)


def variance_components(runs: Sequence[Scores]) -> VarianceComponents:
    """One-way random-effects ANOVA of the scores, items as groups and runs as their replicates.

    Items need not have the same number of scores; an item variance below zero is reported as zero. A shift of a
    whole run is part of the run variance. Source: Searle, Casella and McCulloch 1992, Variance Components, chapter 3.
    Raises InputError with fewer than two items or no item with two scores: then the parts cannot be told apart.
    """
    groups = [group for group in _scores_by_item(runs).values() if group]
    total = sum(len(group) for group in groups)
    if len(groups) < 2 or total == len(groups):
        raise InputError(
            f"{total} scores of {len(groups)} items: splitting the variance needs two items and an item with two scores"
        )
    mean = math.fsum(score for group in groups for score in group) / total
    within = math.fsum((score - fmean(group)) ** 2 for group in groups for score in group) / (total - len(groups))
    between = math.fsum(len(group) * (fmean(group) - mean) ** 2 for group in groups) / (len(groups) - 1)
    per_item = (total - sum(len(group) ** 2 for group in groups) / total) / (len(groups) - 1)
    return VarianceComponents(
        items=len(groups),
        runs=per_item,
        mean=mean,
        item_variance=max(0.0, (between - within) / per_item),
        run_variance=within,
    )


def mean_over_runs(runs: Sequence[Scores]) -> Scores:
    """One score for each item: the mean over the runs that scored it, None where none did.

    An item is skipped where every run that has it skips it. Pass/fail scores become shares of passes, which are
    continuous. Raises InputError for no runs and for runs of different contenders or metrics.
    """
    groups = _scores_by_item(runs)
    skipped = frozenset[str]().union(*(run.skipped for run in runs)) - groups.keys()
    means = {item: fmean(scores) if scores else None for item, scores in groups.items()}
    return Scores(runs[0].contender, runs[0].metric, means, skipped)


def _scores_by_item(runs: Sequence[Scores]) -> dict[str, list[float]]:
    if not runs:
        raise InputError("there is no run to look at")
    if len({(run.contender, run.metric) for run in runs}) > 1:
        names = ", ".join(sorted({f"{run.contender} ({run.metric})" for run in runs}))
        raise InputError(f"repeated runs must be of one contender and one metric, not of {names}")
    groups: dict[str, list[float]] = {}
    for run in runs:
        for item, score in run.by_id.items():
            groups.setdefault(item, []).extend([] if score is None else [score])
    return groups
