from dataclasses import replace

import numpy as np
import pytest
from comparison_helpers import scores_of_run

from bakeoff.errors import InputError
from bakeoff.experiments.limits import ContenderSummary, Limits
from bakeoff.experiments.multiplicity import adjust
from bakeoff.experiments.paired import Comparison, compare
from bakeoff.experiments.pairing import Counts, pair
from bakeoff.experiments.verdict import decide

COUNTS = Counts(expected=200, paired=200, missing_a=0, missing_b=0, failed_a=0, failed_b=0, skipped=0)


def contender(name, quality=0.41, **changes):
    summary = ContenderSummary(
        name=name,
        quality=quality,
        low=None if quality is None else quality - 0.05,
        high=None if quality is None else quality + 0.05,
        coverage=1.0,
        latency_p95=2.1,
        memory_mb=410.0,
        cost_per_1000=0.02,
        stays_on_machine=True,
    )
    return replace(summary, **changes)


def result(a, b, difference, low, high, p, **changes):
    comparison = Comparison(
        a=a,
        b=b,
        metric="f1",
        kind="continuous",
        test="sign-flip permutation",
        counts=COUNTS,
        clusters=None,
        difference=difference,
        low=low,
        high=high,
        p_value=p / 2,
        higher_a=60,
        higher_b=40,
        sd=0.3,
        discordant=None,
        worst_case_difference=difference,
        p_adjusted=p,
        detectable=0.08,
        rows_needed=410,
    )
    return replace(comparison, **changes)


def verdict(contenders, comparisons, **limits):
    return decide(contenders, comparisons, Limits(**limits), metric="f1", label="F1")


def test_a_winner():
    found = verdict(
        [contender("top passage", 0.35), contender("smollm2 + retrieval", 0.41)],
        [result("top passage", "smollm2 + retrieval", -0.06, -0.11, -0.01, 0.02)],
        latency_p95=3,
    )
    assert (found.kind, found.contenders, found.reasons) == ("winner", ("smollm2 + retrieval",), {})
    assert found.sentence == (
        "Use smollm2 + retrieval. It answers better than top passage by 0.06 F1 (0.01-0.11, 200 paired rows, "
        "p = 0.02 after Holm) and stays under your 3 s limit."
    )


def test_a_winner_of_three_shows_the_closest():
    found = verdict(
        [contender("a", 0.6), contender("b", 0.4), contender("c", 0.5)],
        [
            result("a", "b", 0.2, 0.1, 0.3, 0.0001),
            result("a", "c", 0.1, 0.05, 0.15, 0.0004),
            result("b", "c", -0.1, -0.3, 0.1, 0.4),
        ],
    )
    assert found.sentence == (
        "Use a. It answers better than the other 2 within your limits, c the closest, by 0.10 F1 (0.05-0.15, "
        "200 paired rows, p < 0.001 after Holm)."
    )


def test_a_tie():
    found = verdict([contender("a"), contender("b", 0.39)], [result("a", "b", 0.02, -0.01, 0.05, 0.21)])
    assert (found.kind, found.contenders) == ("tie", ("a", "b"))
    assert found.sentence == (
        "a is not distinguishable from b on 200 paired rows: difference 0.02 F1 (-0.01 to 0.05, p = 0.21 after Holm); "
        "about 410 would be needed if that is the true difference."
    )


def test_a_tie_says_what_else_speaks_for_one():
    found = verdict(
        [contender("a"), contender("b", 0.39, cost_per_1000=0.001)], [result("a", "b", 0.02, -0.01, 0.05, 0.21)]
    )
    assert found.sentence.endswith("; b is cheaper (0.001 against 0.020 EUR per 1,000).")


def test_a_tie_of_the_leader_with_some():
    found = verdict(
        [contender("a", 0.6), contender("b", 0.3), contender("c", 0.5), contender("d", 0.5)],
        [
            result("a", "b", 0.3, 0.2, 0.4, 0.001),
            result("a", "c", 0.1, -0.1, 0.3, 0.4),
            result("a", "d", 0.1, -0.1, 0.3, 0.4),
            result("b", "c", -0.2, -0.4, 0.1, 0.3),
            result("b", "d", -0.2, -0.4, 0.1, 0.3),
            result("c", "d", 0.0, -0.1, 0.1, 1.0),
        ],
    )
    assert (found.kind, found.contenders) == ("tie", ("a", "c", "d"))
    assert found.sentence.startswith(
        "a is not distinguishable from c and d on 200 paired rows; against c: difference 0.10 F1"
    )


@pytest.mark.parametrize(
    "noise",
    [{"p_adjusted": 0.06}, {"p_adjusted": 0.05}, {"low": 0.0}, {"low": None, "high": None}, {"difference": 0.0}],
)
def test_noise_never_wins(noise):
    lead = replace(result("a", "b", 0.06, 0.01, 0.11, 0.02), **noise)
    if noise == {"difference": 0.0}:
        lead = replace(lead, low=-0.05, high=0.05, rows_needed=None, worst_case_difference=0.0)
    assert verdict([contender("a"), contender("b")], [lead]).kind == "tie"


def test_a_lead_that_rests_on_failed_rows_does_not_win():
    lead = result("a", "b", 0.06, 0.01, 0.11, 0.02, worst_case_difference=-0.01)
    found = verdict([contender("a"), contender("b", 0.35)], [lead])
    assert found.kind == "tie"
    assert "not once rows without a score count as zero, so there is no winner" in found.sentence


def test_the_paired_rows_decide_and_not_the_means():
    """a has the higher mean because it failed on the hard rows."""
    found = verdict(
        [contender("a", 0.45, coverage=0.96), contender("b", 0.44)], [result("a", "b", -0.05, -0.09, -0.01, 0.01)]
    )
    assert (found.kind, found.contenders) == ("winner", ("b",))


def test_no_row_in_common():
    empty = result("a", "b", None, None, None, 1.0, counts=replace(COUNTS, paired=0), worst_case_difference=None)
    found = verdict([contender("a"), contender("b")], [empty])
    assert found.kind == "tie"
    assert found.sentence == "a is not distinguishable from b: no row was scored for both a and b."


@pytest.mark.parametrize(
    ("change", "limits", "reason"),
    [
        ({"coverage": 0.9499}, {}, "only 94.9 % of its rows were scored and you ask for 95 %"),
        ({"latency_p95": 4.2}, {"latency_p95": 3}, "its p95 latency of 4.20 s is over your 3 s"),
        (
            {"latency_p95": None},
            {"latency_p95": 3},
            "its p95 latency is unknown, so it is not shown to stay under",
        ),
        ({"memory_mb": 900.0}, {"memory_mb": 500}, "its memory of 900.00 MB is over your 500 MB"),
        ({"memory_mb": None}, {"memory_mb": 500}, "its memory is unknown"),
        (
            {"cost_per_1000": 1.1},
            {"monthly_budget": 30, "monthly_requests": 100_000},
            "its monthly cost of 110.00 EUR is over your 30 EUR",
        ),
        ({"cost_per_1000": None}, {"monthly_budget": 30, "monthly_requests": 100_000}, "its monthly cost is unknown"),
        ({"stays_on_machine": False}, {"data_stays_on_machine": True}, "it sends data off this machine"),
        ({"quality": None, "low": None, "high": None, "coverage": 0.0}, {"least_coverage": 0.0}, "none of its rows"),
        ({"quality": 0.35, "low": 0.31}, {"quality_floor": 0.36}, "is below your floor of 0.36"),
        ({"quality": 0.55, "low": 0.31}, {"quality_floor": 0.36}, "is not shown to reach your floor of 0.36"),
    ],
)
def test_who_breaks_a_limit_or_is_unknown_cannot_win(change, limits, reason):
    best = contender("best", 0.9)
    lead = result("best", "b", 0.4, 0.3, 0.5, 0.001)
    assert verdict([best, contender("b", 0.5)], [lead], **limits).contenders == ("best",)
    found = verdict([replace(best, **change), contender("b", 0.5)], [lead], **limits)
    assert (found.kind, found.contenders) == ("winner", ("b",))
    assert found.sentence.startswith("Use b, the only contender shown to keep your limits.")
    assert reason in found.reasons["best"][0]


def test_every_broken_limit_is_named():
    slow = contender("a", latency_p95=9.0, memory_mb=None, coverage=0.5)
    found = verdict([slow], [], latency_p95=3, memory_mb=500)
    assert (found.kind, len(found.reasons["a"])) == ("none_meets", 3)


def test_a_price_that_is_unknown_matters_only_to_a_budget():
    dear = contender("a", cost_per_1000=None)
    lead = result("a", "b", 0.06, 0.01, 0.11, 0.02)
    assert verdict([dear, contender("b", 0.35)], [lead]).contenders == ("a",)


def test_nobody_meets_the_floor():
    found = verdict([contender("a", 0.3), contender("b", 0.35)], [], quality_floor=0.5)
    assert (found.kind, found.contenders) == ("none_meets", ())
    assert found.sentence == "No contender meets the floor of 0.5: the best, b, reaches 0.35 F1 (0.30-0.40)."


def test_nobody_meets_the_limits():
    slow, heavy = contender("a", latency_p95=4.0), contender("b", memory_mb=None)
    found = verdict([slow, heavy], [], latency_p95=3, memory_mb=500)
    assert found.sentence == (
        "No contender meets your limits: a: its p95 latency of 4.00 s is over your 3 s; b: its memory is unknown, so "
        "it is not shown to stay under your 500 MB."
    )


def test_one_contender_is_not_compared():
    found = verdict([contender("a")], [], quality_floor=0.3)
    assert found.sentence == (
        "a keeps your limits; it is the only contender, so it is compared with nothing. It clears your floor of 0.3."
    )


def test_within_the_margin_and_cheaper():
    found = verdict(
        [contender("fp32", 0.42, cost_per_1000=0.08), contender("int4", 0.415)],
        [result("fp32", "int4", 0.005, -0.003, 0.013, 0.4)],
        margin=0.02,
        reference="fp32",
    )
    assert (found.kind, found.contenders) == ("non_inferior", ("int4",))
    assert found.sentence == (
        "Use int4. It is within 0.02 F1 of fp32 (difference -0.005 F1 (-0.013 to 0.003), 200 paired rows) and is "
        "cheaper (0.02 against 0.08 EUR per 1,000)."
    )


@pytest.mark.parametrize(
    ("reference", "advantage"),
    [
        ({"latency_p95": 4.0}, "is faster (2.10 against 4.00 s at p95)"),
        ({"cost_per_1000": None, "latency_p95": 4.0}, "is faster"),
        ({"stays_on_machine": False}, "keeps the data on this machine"),
        ({"memory_mb": 900.0}, "is smaller (410.00 against 900.00 MB)"),
    ],
)
def test_within_the_margin_says_what_speaks_for_it(reference, advantage):
    found = verdict(
        [contender("fp32", 0.42, **reference), contender("int4", 0.415)],
        [result("int4", "fp32", -0.005, -0.013, 0.003, 0.4)],
        margin=0.02,
        reference="fp32",
    )
    assert found.kind == "non_inferior"
    assert advantage in found.sentence


@pytest.mark.parametrize(
    ("reference", "low", "worst_case"),
    [
        ({"cost_per_1000": 0.08}, -0.02, -0.005),
        ({"cost_per_1000": 0.08}, -0.013, -0.05),
        ({}, -0.013, -0.005),
        ({"cost_per_1000": 0.021}, -0.013, -0.005),
        ({"cost_per_1000": None}, -0.013, -0.005),
        ({"cost_per_1000": 0.001, "latency_p95": 9.0}, -0.013, -0.005),
    ],
    ids=["margin broken", "worst case", "nothing speaks for it", "hardly cheaper", "price unknown", "dearer"],
)
def test_no_non_inferiority_without_margin_and_advantage(reference, low, worst_case):
    found = verdict(
        [contender("fp32", 0.42, **reference), contender("int4", 0.415)],
        [result("int4", "fp32", -0.005, low, 0.003, 0.4, worst_case_difference=worst_case)],
        margin=0.02,
        reference="fp32",
    )
    assert found.kind == "tie"


def test_the_margin_holds_although_the_reference_breaks_a_limit():
    found = verdict(
        [contender("fp32", 0.42, memory_mb=900.0), contender("int4", 0.415), contender("int8", 0.418)],
        [
            result("int4", "fp32", -0.005, -0.013, 0.003, 0.4),
            result("int8", "fp32", -0.002, -0.011, 0.005, 0.6),
            result("int4", "int8", -0.003, -0.01, 0.01, 0.9),
        ],
        margin=0.02,
        reference="fp32",
        memory_mb=500,
    )
    assert (found.kind, set(found.reasons)) == ("non_inferior", {"fp32"})
    assert found.sentence.endswith("is smaller (410.00 against 900.00 MB) and fits your 500 MB.")


def test_a_better_and_cheaper_one_is_a_winner_and_not_merely_good_enough():
    found = verdict(
        [contender("large", 0.4, cost_per_1000=2.0), contender("small", 0.5)],
        [result("small", "large", 0.1, 0.05, 0.15, 0.001)],
        margin=0.02,
        reference="large",
    )
    assert (found.kind, found.contenders) == ("winner", ("small",))


def test_comparisons_of_other_metrics_do_not_count():
    other = replace(result("a", "b", 0.06, 0.01, 0.11, 0.02), metric="bleu")
    with pytest.raises(InputError, match="the verdict needs a comparison of .*: there is none"):
        verdict([contender("a"), contender("b")], [other])


def test_input_that_cannot_be_judged():
    with pytest.raises(InputError, match="names of their own"):
        verdict([contender("a"), contender("a")], [])
    with pytest.raises(InputError, match="names of their own"):
        verdict([], [])
    with pytest.raises(InputError, match="no Holm-adjusted p-value"):
        verdict([contender("a"), contender("b")], [result("a", "b", 0.1, 0.0, 0.2, 0.1, p_adjusted=None)])
    with pytest.raises(InputError, match="reference 'fp32' is none of the contenders a"):
        verdict([contender("a")], [], margin=0.02, reference="fp32")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"latency_p95": 0}, "latency_p95 is 0"),
        ({"margin": -0.1, "reference": "a"}, "margin is -0.1"),
        ({"monthly_budget": 30}, "needs monthly_requests"),
        ({"margin": 0.1}, "margin and reference go together"),
        ({"least_coverage": 95}, "between 0 and 1"),
        ({"quality_floor": float("nan")}, "quality_floor is nan"),
    ],
)
def test_limits_that_make_no_sense(limits, message):
    with pytest.raises(InputError, match=message):
        Limits(**limits)


def test_from_scores_to_the_sentence():
    rng = np.random.default_rng(1)
    weak = rng.random(150)
    alike, strong = weak + rng.normal(0, 0.2, 150), weak + 0.2 + rng.normal(0, 0.2, 150)
    scores = {"weak": weak, "alike": alike, "strong": strong}
    runs = [scores_of_run(values, name) for name, values in scores.items()]
    pairs = [pair(a, b) for i, a in enumerate(runs) for b in runs[i + 1 :]]
    comparisons = adjust([compare(p, "continuous", maximum=2.0) for p in pairs])
    contenders = [contender(name, float(np.mean(values))) for name, values in scores.items()]
    assert verdict(contenders, comparisons).contenders == ("strong",)
    tie = verdict(contenders[:2], comparisons)
    assert tie.kind == "tie"
    assert f"{comparisons[0].rows_needed:,} would be needed" in tie.sentence
