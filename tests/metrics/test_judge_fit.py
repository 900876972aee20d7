from typing import Any

import pytest

from bakeoff.metrics.agreement import agreement
from bakeoff.metrics.judge_fit import agreement_figures, unfit_reason, without_unfit
from bakeoff.metrics.judge_reply import SCORES
from bakeoff.metrics.rows import scored, skipped

GOOD = agreement("relevance", [(n % 5 + 1, n % 5 + 1) for n in range(40)], 40, SCORES, "quadratic")
POOR = agreement("groundedness", [(3, n % 5 + 1) for n in range(40)], 40, SCORES, "quadratic")
CHECKED = GOOD | POOR | {"rows_expected": 40, "position_flip": 0.5}


def record(metric: str) -> dict[str, Any]:
    return {"judged": [metric], **scored(4, reason="said the judge").fields(metric)}


def test_a_fit_judges_scores_stay() -> None:
    assert without_unfit(record("relevance"), CHECKED) == record("relevance")


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("groundedness", "kappa is 0.00"),
        ("judged_groundedness", "kappa is 0.00"),
        ("fluency", "no labelled row says whether its fluency can be believed"),
    ],
)
def test_an_unfit_judges_scores_are_kept_aside(metric: str, why: str) -> None:
    found = without_unfit(record(metric), CHECKED)
    assert (found[f"{metric}_status"], found[f"{metric}_score"]) == ("failed", None)
    assert found[f"{metric}_unused_score"] == 4
    assert why in found[f"{metric}_reason"]


def test_what_was_not_judged_stays() -> None:
    plain = scored(1).fields("groundedness") | {"judged": ["fluency"]} | skipped("not asked for").fields("fluency")
    assert without_unfit(plain, CHECKED) == plain


def test_figures() -> None:
    assert unfit_reason("relevance", CHECKED) == ""
    figures = agreement_figures(CHECKED)
    assert figures["relevance_judge_fit"] == 1
    assert "position_flip" in figures
    assert "rows_expected" not in figures
