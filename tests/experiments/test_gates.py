from dataclasses import replace
from pathlib import Path

import pytest
from result_helpers import THIS_RUN, cell, constant, experiment, result_of, row

from bakeoff.errors import InputError
from bakeoff.experiments.analysis import analyse
from bakeoff.experiments.definition import Gates
from bakeoff.experiments.gates import read_blessed, with_gates, write_blessed

RESULT = result_of({"good": [1.0] * 18 + [0.0] * 2, "bad": [1.0] * 5 + [0.0] * 15})


def outcomes(gates: Gates, result=RESULT) -> dict[tuple[str, str], bool]:  # type: ignore[no-untyped-def]
    (task,) = with_gates(result, gates).tasks
    return {(gate.contender, gate.gate): gate.passed for gate in task.gates}


def test_floors() -> None:
    assert outcomes(Gates(floors={"match": 0.9})) == {("good", "match floor"): True, ("bad", "match floor"): False}
    assert not with_gates(RESULT, Gates(floors={"match": 0.9})).passed
    assert with_gates(RESULT, Gates(contenders=("good",), floors={"match": 0.9})).passed


def test_a_metric_that_is_missing_or_unscored_fails() -> None:
    unscored = result_of({"good": [None] * 20})
    for gates in (Gates(floors={"f1": -1.0}), Gates(floors={"match": -1.0}), Gates(least_coverage=0.0)):
        assert set(outcomes(gates, unscored).values()) == {False}


def test_coverage_counts_rows_that_never_arrived() -> None:
    rows = [row(n, 1.0) for n in range(19)] + [row(19, None, error="lost")]
    result = analyse(experiment(constant("a")), [cell("a", rows)], THIS_RUN)
    for least, passed in ((0.95, True), (0.951, False)):
        assert outcomes(Gates(("a",), least_coverage=least), result) == {("a", "match coverage"): passed}


def test_latency() -> None:
    p95 = RESULT.tasks[0].contenders[0].latency.p95
    assert outcomes(Gates(("good",), latency_p95=p95)) == {("good", "latency p95"): True}
    assert outcomes(Gates(("good",), latency_p95=p95 - 0.01)) == {("good", "latency p95"): False}
    (task,) = RESULT.tasks
    unknown = replace(RESULT, tasks=(replace(task, contenders=(replace(task.contenders[0], latency=None),)),))
    assert outcomes(Gates(latency_p95=100), unknown) == {("good", "latency p95"): False}


def test_a_drop_below_what_is_blessed(tmp_path: Path) -> None:
    gates = Gates(largest_drop={"match": 0.1}, blessed=tmp_path / "some/blessed.json")
    assert set(outcomes(gates).values()) == {False}
    assert gates.blessed is not None
    write_blessed(gates.blessed, RESULT.tasks)
    assert read_blessed(gates.blessed) == {"tiny": {"good": {"match": 0.9}, "bad": {"match": 0.25}}}
    assert set(outcomes(gates).values()) == {True}
    worse = result_of({"good": [1.0] * 16 + [0.0] * 4, "bad": [1.0] * 2 + [0.0] * 18})
    assert outcomes(gates, worse) == {("good", "match drop"): True, ("bad", "match drop"): False}
    assert set(outcomes(gates, result_of({"good": [None] * 20, "new": [1.0] * 20})).values()) == {False}
    gates.blessed.write_text("[]")
    with pytest.raises(InputError, match="is no blessed result"):
        outcomes(gates)


def test_non_inferiority_needs_the_whole_interval() -> None:
    rows = 400
    same = result_of({"good": [1.0] * rows, "other": [1.0] * (rows - 1) + [0.0]})
    assert outcomes(Gates(reference="good", margin=0.05), same) == {("other", "non-inferiority"): True}
    few = result_of({"good": [1.0] * 10, "other": [1.0] * 10})
    assert outcomes(Gates(reference="good", margin=0.05), few) == {("other", "non-inferiority"): False}


def test_a_baseline_is_bound_only_where_it_is_named() -> None:
    result = analyse(experiment(constant("a")), [cell("a", [row(0, 0.0)])], THIS_RUN)
    assert outcomes(Gates(floors={"match": 1}), result) == {}
    assert outcomes(Gates(("a",), floors={"match": 1}), result) == {("a", "match floor"): False}
