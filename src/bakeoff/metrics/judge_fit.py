"""What becomes of the scores of a judge that people do not agree with."""

from collections.abc import Mapping
from typing import Any

from bakeoff.metrics.agreement import MIN_AGREEMENT, MIN_COVERAGE
from bakeoff.metrics.rows import Row, failed

FIT = "_judge_fit"


def unfit_reason(criterion: str, checked: Mapping[str, float]) -> str:
    """Why the judge's scores of a criterion cannot be used; empty where they can.

    checked: metrics of a judged run over labelled rows. A criterion without labels there is not shown to be fit.
    """
    fit = checked.get(f"{criterion}{FIT}")
    if fit == 1:
        return ""
    if fit is None:
        return f"the judge is unfit: no labelled row says whether its {criterion} can be believed"
    value, low = checked.get(f"{criterion}_kappa"), checked[f"{criterion}_kappa_ci_low"]
    agrees = "no kappa is defined" if value is None else f"kappa is {value:.2f}, at least {low:.2f}"
    coverage = checked[f"{criterion}_labels_coverage"]
    return (
        f"the judge is unfit for {criterion}: with people's labels {agrees} (95 %; {MIN_AGREEMENT:g} is asked for), "
        f"and it scored {coverage:.0%} of them ({MIN_COVERAGE:.0%})"
    )


def without_unfit(record: Row, checked: Mapping[str, float]) -> dict[str, Any]:
    """The record, with the scores failed that an unfit judge gave; `<metric>_unused_score` keeps them.

    record: `judged` names the metrics that a judge gave, `relevance` or `judged_relevance`.
    """
    found = dict(record)
    for metric in record.get("judged", ()):
        reason = unfit_reason(metric.removeprefix("judged_"), checked)
        if reason and found[f"{metric}_status"] == "scored":
            found[f"{metric}_unused_score"] = found[f"{metric}_score"]
            found |= failed(reason).fields(metric)
    return found


def agreement_figures(checked: Mapping[str, float]) -> dict[str, float]:
    """The metrics of a check that say how far the judge can be believed, to stand beside those of judged rows."""
    parts = (FIT, "_kappa", "_kappa_ci_low", "_kappa_ci_high", "_labels", "_labels_coverage")
    wanted = ("first_wins", "longer_wins", "human_longer_wins", "position_flip")
    return {name: value for name, value in checked.items() if name.endswith(parts) or name in wanted}
