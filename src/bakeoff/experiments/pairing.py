"""Two contenders' scores of the same rows, joined by row id; rows that cannot be paired are counted, never dropped."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.errors import InputError
from bakeoff.metrics.rows import Row


@dataclass(frozen=True)
class Scores:
    """One contender's scores on one metric by row id.

    by_id: None is a row that should have a score and has none. skipped: ids that the metric does not apply to.
    """

    contender: str
    metric: str
    by_id: Mapping[str, float | None]
    skipped: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a comparison.

    expected: rows the metric applies to, those that never arrived included. paired: scored for both. missing_a and
    missing_b: rows with no record (as far as expected rows are known), failed_a and failed_b: rows with a record and
    no score. skipped: rows the metric does not apply to, left out of everything else.
    """

    expected: int
    paired: int
    missing_a: int
    missing_b: int
    failed_a: int
    failed_b: int
    skipped: int

    @property
    def coverage_a(self) -> float:
        """Share of the expected rows that have a score for a; 0 where no row is expected."""
        return 1 - (self.missing_a + self.failed_a) / self.expected if self.expected else 0.0

    @property
    def coverage_b(self) -> float:
        """Share of the expected rows that have a score for b; 0 where no row is expected."""
        return 1 - (self.missing_b + self.failed_b) / self.expected if self.expected else 0.0


@dataclass(frozen=True)
class Pairs:
    """The rows that are scored for both contenders, in order of id, and the counts of all others.

    worst_case_difference: mean of a minus mean of b over the expected rows, every row without a score as zero.
    """

    a: str
    b: str
    metric: str
    ids: tuple[str, ...]
    scores_a: tuple[float, ...]
    scores_b: tuple[float, ...]
    counts: Counts
    worst_case_difference: float


def read_scores(rows: Sequence[Row], metric: str, contender: str) -> Scores:
    """The scores of one run's row records.

    A record that is `scored` without a finite number, or that lacks the metric, counts as failed.
    Raises InputError for a record without an id, an id that appears twice, and rows of which none has the metric.
    """
    if rows and not any(f"{metric}_status" in row for row in rows):
        raise InputError(f"{contender}: none of its {len(rows)} rows has the column {metric}_status: no such metric")
    by_id: dict[str, float | None] = {}
    skipped = set()
    for number, row in enumerate(rows, start=1):
        row_id = row.get("id")
        if row_id is None or row_id == "":
            raise InputError(f"{contender}: row {number} has no id; rows are paired by id: give every row one")
        key = str(row_id)
        if key in by_id or key in skipped:
            raise InputError(f"{contender}: row {number} repeats the id {key!r}: ids must be unique within a run")
        if row.get(f"{metric}_status") == "skipped":
            skipped.add(key)
        else:
            by_id[key] = _score(row, metric)
    return Scores(contender, metric, by_id, frozenset(skipped))


def _score(row: Row, metric: str) -> float | None:
    score = row.get(f"{metric}_score")
    usable = row.get(f"{metric}_status") == "scored" and isinstance(score, int | float) and math.isfinite(score)
    return float(score) if usable and score is not None else None


def pair(a: Scores, b: Scores, rows_expected: int = 0) -> Pairs:
    """Join two contenders' scores by id. A row that the metric skips for either is left out for both.

    rows_expected: how many rows each run should have had; 0 where unknown: then a row that arrived for neither
    contender cannot be counted. Raises InputError when the scores are of different metrics or one contender.
    """
    if a.metric != b.metric:
        raise InputError(f"{a.contender} has scores of {a.metric} and {b.contender} of {b.metric}: compare one metric")
    if a.contender == b.contender:
        raise InputError(f"{a.contender} would be compared with itself: contenders need names of their own")
    skipped = a.skipped | b.skipped
    ids = sorted((a.by_id.keys() | b.by_id.keys()) - skipped)
    scores = [(row_id, a.by_id.get(row_id), b.by_id.get(row_id)) for row_id in ids]
    paired = [(row_id, x, y) for row_id, x, y in scores if x is not None and y is not None]
    expected = max(rows_expected - len(skipped), len(ids))
    arrived_a, arrived_b = (sum(row_id in side.by_id for row_id in ids) for side in (a, b))
    counts = Counts(
        expected=expected,
        paired=len(paired),
        missing_a=expected - arrived_a,
        missing_b=expected - arrived_b,
        failed_a=arrived_a - sum(x is not None for _, x, _ in scores),
        failed_b=arrived_b - sum(y is not None for _, _, y in scores),
        skipped=len(skipped),
    )
    total = math.fsum((x or 0.0) - (y or 0.0) for _, x, y in scores)
    return Pairs(
        a.contender,
        b.contender,
        a.metric,
        tuple(row_id for row_id, _, _ in paired),
        tuple(x for _, x, _ in paired),
        tuple(y for _, _, y in paired),
        counts,
        total / expected if expected else 0.0,
    )
