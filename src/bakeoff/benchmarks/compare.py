"""Results of benchmark runs side by side: ranked where they were measured in the same way, and only there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any

from bakeoff.errors import InputError
from bakeoff.experiments.multiplicity import adjust
from bakeoff.experiments.paired import Comparison, compare
from bakeoff.experiments.pairing import pair, read_scores

NOT_COMPARED = ("model", "data.origin", "examples.origin")
"""What a card says of the model is what is compared; where its data lay means nothing beside their hash."""

DETECTABLE = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)


@dataclass(frozen=True)
class Contender:
    """A result file: what it is called beside the others, and its content."""

    name: str
    card: Mapping[str, Any]
    metrics: Mapping[str, float]
    rows: Sequence[Mapping[str, Any]]


def read_results(paths: Sequence[Path]) -> list[Contender]:
    """The results of `bakeoff benchmark`. Raises InputError for a file that is not one, and for fewer than two."""
    if len(paths) < 2:
        raise InputError("give two or more result files of `bakeoff benchmark`")
    contents = [_read(path) for path in paths]
    names = [content["card"]["model"]["name"] for content in contents]
    if len(set(names)) < len(names):
        names = [path.stem for path in paths]
    return [Contender(n, c["card"], c["metrics"], c["rows"]) for n, c in zip(names, contents, strict=True)]


def differences(contenders: Sequence[Contender]) -> dict[str, list[str]]:
    """The fields of the method cards that are not the same in all, and what each contender has there.

    None may differ for a ranking but the model: with other prompts, shots, items, scores or versions of the runtime
    a higher number need not be a better model.
    """
    flat = [_flat(contender.card) for contender in contenders]
    names = list(dict.fromkeys(name for one in flat for name in one))
    found = {name: [json.dumps(one.get(name)) for one in flat] for name in names if not name.startswith(NOT_COMPARED)}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def comparisons(contenders: Sequence[Contender]) -> list[Comparison]:
    """Every pair on every score of the rows, Holm-adjusted; clusters are those of the rows."""
    first = contenders[0].rows[0]
    metrics = [name.removesuffix("_score") for name in first if name.endswith("_score")]
    found = []
    for metric in metrics:
        for a, b in combinations(contenders, 2):
            pairs = pair(read_scores(a.rows, metric, a.name), read_scores(b.rows, metric, b.name), len(a.rows))
            clusters = {row["id"]: row["cluster"] or row["id"] for row in a.rows}
            binary = {*pairs.scores_a, *pairs.scores_b} <= {0.0, 1.0}
            shared = clusters if len(set(clusters.values())) < len(clusters) else None
            found.append(compare(pairs, "pass_fail" if binary else "continuous", clusters=shared))
    return adjust(found)


def verdict(comparison: Comparison) -> str:
    """One line: who is better by how much, or that so many rows do not tell them apart."""
    c = comparison
    if c.difference is None or c.p_adjusted is None:
        return f"{c.metric}: no row is scored for both"
    if c.difference < 0:
        c = c.reversed()
    assert c.difference is not None
    assert c.p_adjusted is not None
    interval = f"{c.low:.3f} to {c.high:.3f}" if c.low is not None and c.high is not None else "no interval"
    figures = f"{c.difference:.3f} ({interval}, {c.counts.paired:,} paired rows, p = {c.p_adjusted:.2g} after Holm)"
    if c.p_adjusted < 0.05:
        return f"{c.metric}: {c.a} is better than {c.b} by {figures}"
    needed = f"; it would take about {c.rows_needed:,} rows" if c.rows_needed else ""
    return f"{c.metric}: too few rows to tell {c.a} and {c.b} apart, difference {figures}{needed}"


def main_metrics(contender: Contender) -> list[str]:
    """The scores of the rows, and figures beside them, that have an interval."""
    names = [name.removesuffix("_score") for name in contender.rows[0] if name.endswith("_score")]
    figures = [name.removesuffix("_rows_scored") for name in contender.metrics if name.endswith("_rows_scored")]
    whole = [name for name in figures if not name.startswith("category_") and _is_whole(name, names)]
    return [name for name in dict.fromkeys([*names, *whole]) if name in contender.metrics]


def detectable(metrics: Mapping[str, float]) -> tuple[str, float] | None:
    """The first metric, and the smallest difference between two models that so many items show: power 80 %, two-sided
    5 %, answers independent, normal. None for metrics without a standard error."""
    for name, error in metrics.items():
        if name.endswith("_stderr") and error > 0:
            return name.removesuffix("_stderr"), DETECTABLE * 2**0.5 * error
    return None


def _is_whole(figure: str, scores: Sequence[str]) -> bool:
    """Not a score of one group of items, `acc_stem`."""
    return not any(figure.startswith(f"{score}_") and figure not in scores for score in scores)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["card"]["task"] and content["metrics"] and content["rows"][0]["id"]:
            return content
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (ValueError, LookupError, TypeError, OSError):
        pass
    raise InputError(f"{path} is no result of one task: give files that `bakeoff benchmark TASK` names at its end")


def _flat(card: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in card.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
