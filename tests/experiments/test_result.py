import csv
import io
import json
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from result_helpers import THIS_RUN, cell, constant, experiment, result_of, row, task
from result_schema import PATH, schema_text

from bakeoff.errors import InputError
from bakeoff.experiments.analysis import analyse
from bakeoff.experiments.cost import Hardware
from bakeoff.experiments.definition import Contender, Gates, MetricChoice
from bakeoff.experiments.gates import with_gates
from bakeoff.experiments.junit import to_junit
from bakeoff.experiments.markdown import to_markdown
from bakeoff.experiments.prices import Price
from bakeoff.experiments.result import to_json
from bakeoff.experiments.rows import RowResult
from bakeoff.experiments.rows_files import to_csv, to_json_lines
from bakeoff.experiments.table import header, note_lines, table_rows
from bakeoff.metrics.rows import Score, failed, scored, skipped

RESULT = result_of({"bad": [0.0] * 15 + [1.0] * 5, "good": [1.0] * 20})
PRICE = Price("cloud", 1.0, 2.0, "EUR", date(2026, 5, 27), "somewhere")
LOCAL = {"prompt_tokens": 100, "completion_tokens": 10, "model": {"name": "m", "revision": "1", "provider": "onnx"}}


def test_a_winner_with_its_evidence() -> None:
    (found,) = RESULT.tasks
    assert found.verdict.contenders == ("good",)
    (comparison,) = found.comparisons
    assert (comparison.test, comparison.counts.paired, comparison.higher_b) == ("McNemar mid-p", 20, 15)
    assert found.flow == "../flows/tiny"
    bad, good = found.contenders
    assert [(m.mean, m.coverage, m.worst_case) for m in good.metrics] == [(1.0, 1.0, 1.0)]
    assert [(c.category, c.rows, c.means) for c in bad.categories] == [
        ("a", 10, {"match": 0.2}),
        ("b", 10, {"match": 0.3}),
    ]


def test_rows_that_failed_count_as_missing_and_say_why() -> None:
    rows = [row(n, 1.0) for n in range(18)] + [row(18, None), row(19, None, error="HTTP 500")]
    result = analyse(experiment(Contender("a")), [cell("a", rows)], THIS_RUN)
    (found,) = result.tasks[0].contenders
    (metric,) = found.metrics
    assert (metric.rows_expected, metric.rows_scored, metric.worst_case) == (20, 18, 0.9)
    assert found.outcomes == {"answered": 19, "missing": 1}
    assert found.errors == {"HTTP 500": 1}
    assert "a, 1 rows: HTTP 500" in note_lines(result.tasks[0])
    assert result.tasks[0].verdict.kind == "none_meets"


def test_nothing_came_back() -> None:
    rows = [row(n, None, error="HTTP 500") for n in range(5)]
    result = analyse(experiment(Contender("a"), constant("b")), [cell("a", rows), cell("b", rows)], THIS_RUN)
    assert result.tasks[0].contenders[0].metrics[0].mean is None
    assert result.tasks[0].contenders[0].latency is None
    assert "-" in table_rows(result.tasks[0])[0]
    json.loads(to_json(result))


def test_a_metric_that_no_row_has() -> None:
    with pytest.raises(InputError, match="no such metric"):
        result_of({"a": [1.0]}, metrics=(MetricChoice("other", "other"),))


def test_the_time_of_a_request() -> None:
    rows = [row(n, 1.0) for n in range(21)]
    own = analyse(experiment(Contender("a")), [cell("a", rows)], THIS_RUN).tasks[0].contenders[0].latency
    assert own is not None
    assert (own.p50, own.p95) == pytest.approx((1.0, 1.9))
    named = experiment(Contender("a"), tasks=(task(latency=("match",)),))
    latency = analyse(named, [cell("a", [*rows, row(21, None)])], THIS_RUN).tasks[0].contenders[0].latency
    assert latency is not None
    assert latency.p50 == 1.0


def test_a_skipped_part_took_no_time_and_a_failed_one_leaves_its_row_out() -> None:
    def timed(number: int, search: Score, answer: Score) -> RowResult:
        whole = row(number, 1.0)
        return replace(whole, record={**(whole.record or {}), **search.fields("search"), **answer.fields("answer")})

    rows = [
        timed(0, scored(1.0), scored(2.0)),
        timed(1, scored(1.0), skipped("not asked")),
        timed(2, scored(1.0), failed("no time")),
        timed(3, skipped("off"), skipped("off")),
    ]
    of_parts = experiment(Contender("a"), tasks=(task(latency=("search", "answer")),))
    latency = analyse(of_parts, [cell("a", rows)], THIS_RUN).tasks[0].contenders[0].latency
    assert latency is not None
    assert (latency.mean, latency.p50) == (2.0, 2.0)


def test_costs_and_the_break_even() -> None:
    contenders = (Contender("cloud", price=PRICE), Contender("here", price="local"), Contender("unknown"))
    hardware = Hardware(price=48, lifetime_years=4, watts=0, price_per_kwh=0)
    rows = [row(n, 1.0, completion=LOCAL) for n in range(21)]
    cells = [cell(c.name, rows) for c in contenders] + [cell("none", rows)]
    result = analyse(experiment(*contenders, constant("none"), hardware=hardware), cells, THIS_RUN)
    (found,) = result.tasks
    cloud, here, unknown, none = (contender.cost.per_1000 for contender in found.contenders)
    assert cloud == pytest.approx((100 * 1.0 + 10 * 2.0) / 1000)
    assert here == pytest.approx(1 / (365.25 / 12 * 86400 / 0.5) * 1000, rel=1e-4)
    assert (unknown, none) == (None, 0.0)
    (point,) = found.break_even
    assert (point.local, point.cloud, point.monthly_requests) == ("here", "cloud", 8334)


@pytest.mark.parametrize(
    ("contender", "completion", "stays"),
    [
        (Contender("a"), LOCAL, True),
        (Contender("a"), LOCAL | {"model": {"provider": "openai"}}, False),
        (Contender("a"), {}, False),
        (Contender("a", inputs={"embedding": "openai:e"}), LOCAL, False),
        (Contender("a", connections={"chat": {"connection": "x"}}), LOCAL, False),
        (Contender("a", connections={"chat": {"connection": "x"}}, stays_on_machine=True), LOCAL, True),
        (constant("a"), {}, True),
    ],
)
def test_whether_data_stays_on_this_machine(contender: Contender, completion: dict[str, object], stays: bool) -> None:
    result = analyse(experiment(contender), [cell("a", [row(0, 1.0, completion=completion)])], THIS_RUN)
    assert result.tasks[0].contenders[0].stays_on_machine is stays


def test_repeats_are_averaged_and_their_variance_is_split() -> None:
    cells = [
        cell(name, [row(n, float((n + repeat) % 2 if name == "b" else 1)) for n in range(10)], repeat)
        for name in ("a", "b")
        for repeat in (1, 2)
    ]
    (found,) = analyse(experiment(Contender("a"), Contender("b")), cells, THIS_RUN).tasks
    assert found.repeats == 2
    assert [c.metrics[0].mean for c in found.contenders] == [1.0, 0.5]
    assert found.comparisons[0].test == "sign-flip permutation"
    b = found.contenders[1]
    assert b.variance is not None
    assert b.variance.run_share == 1.0
    assert any("100% of a row's variance" in line for line in note_lines(found))


def test_a_run_that_failed_is_not_hidden_by_one_that_did_not() -> None:
    cells = [cell("a", [row(n, 1.0) for n in range(10)]), cell("a", [row(n, 0.0, error="x") for n in range(10)], 2)]
    (found,) = analyse(experiment(Contender("a")), cells, THIS_RUN).tasks[0].contenders[0].metrics
    assert (found.mean, found.rows_scored, found.rows_expected) == (1.0, 10, 20)
    assert (found.coverage, found.worst_case) == (0.5, 0.5)


def test_a_score_that_the_metric_cannot_have_is_told() -> None:
    cells = [cell(name, [row(n, 4.0) for n in range(5)]) for name in ("a", "b")]
    with pytest.raises(InputError, match="'match': a has scores from 4 to 4, and the metric goes from 0 to 1"):
        analyse(experiment(Contender("a"), Contender("b")), cells, THIS_RUN)


def test_a_latency_that_the_evaluation_does_not_have_is_told() -> None:
    wrong = experiment(Contender("a"), tasks=(task(latency=("mtch",)),))
    with pytest.raises(InputError, match="has no metric 'mtch', which `latency` of tiny names"):
        analyse(wrong, [cell("a", [row(0, 1.0)])], THIS_RUN)


def test_a_local_cost_is_by_the_workers_that_ran() -> None:
    hardware = Hardware(price=48, lifetime_years=4, watts=0, price_per_kwh=0)
    costs = []
    for workers in (1, 2):
        cells = [cell("a", [row(n, 1.0) for n in range(21)], workers=workers)]
        result = analyse(experiment(Contender("a", price="local"), hardware=hardware), cells, THIS_RUN)
        costs.append(result.tasks[0].contenders[0].cost.per_1000)
    assert costs[0] == pytest.approx(2 * (costs[1] or 0))


def test_clusters_reach_the_comparison() -> None:
    rows = {name: [row(n, float(n % k == 0)) for n in range(20)] for name, k in (("a", 2), ("b", 3))}
    cells = [cell(name, values) for name, values in rows.items()]
    setting = experiment(Contender("a"), Contender("b"), tasks=(task(clusters="document"),))
    assert analyse(setting, cells, THIS_RUN).tasks[0].comparisons[0].clusters == 10
    setting = experiment(Contender("a"), Contender("b"), tasks=(task(clusters="book"),))
    with pytest.raises(InputError, match="has no 'book'"):
        analyse(setting, cells, THIS_RUN)


def test_the_json_follows_its_schema() -> None:
    assert PATH.read_text(encoding="utf-8") == schema_text(), f"run python {PATH.parent}/result_schema.py"
    validator = Draft202012Validator(json.loads(schema_text()))
    content = json.loads(to_json(with_gates(RESULT, Gates(floors={"match": 0.5}))))
    validator.validate(content)
    content["tasks"][0]["contenders"][0]["metrics"][0]["mean"] = "high"
    assert not validator.is_valid(content)


def test_the_same_rows_give_the_same_bytes() -> None:
    again = result_of({"bad": [0.0] * 15 + [1.0] * 5, "good": [1.0] * 20})
    assert to_json(again) == to_json(RESULT)


def test_the_table_has_the_best_first() -> None:
    assert header(RESULT, RESULT.tasks[0])[:2] == ["contender", "match (95 %)"]
    rows = table_rows(RESULT.tasks[0])
    assert [cells[0] for cells in rows] == ["good", "bad"]
    assert rows[0][2:] == ["100%", "1.81 s", "100 MB", "-"]


def test_markdown_is_safe() -> None:
    rows = [row(0, 1.0), row(1, None, error="a|b <img src=x>\nnext")]
    result = analyse(experiment(Contender("*a*")), [cell("*a*", rows)], THIS_RUN)
    text = to_markdown(with_gates(result, Gates(floors={"match": 2.0})))
    assert "| \\*a\\* |" in text
    assert "a\\|b &lt;img src=x> next" in text
    assert "- FAILED: \\*a\\*, match floor: at least 2: 1" in text
    assert "**Use good. It answers better than bad by" in to_markdown(RESULT)


def test_junit_has_a_case_for_each_gate() -> None:
    checked = with_gates(result_of({"g\x00od": [1.0] * 5, "bad": [0.0] * 5}), Gates(floors={"match": 0.5}))
    root = ElementTree.fromstring(to_junit(checked))
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    cases = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    assert cases["g\ufffdod: match floor"] is None
    assert cases["bad: match floor"].get("message") == "at least 0.5: 0"


def test_csv_and_json_lines_have_every_row() -> None:
    rows = [row(0, 1.0), row(1, None, error="-2+3")]
    lines = list(csv.DictReader(io.StringIO(to_csv([cell("@a", rows)], ["match"]))))
    assert [line["outcome"] for line in lines] == ["answered", "missing"]
    assert [(line["match_score"], line["contender"]) for line in lines] == [("1.0", "'@a"), ("", "'@a")]
    assert (lines[0]["answer"], lines[1]["error"]) == ("'=1+1 <b>", "'-2+3")
    records = [json.loads(line) for line in to_json_lines([cell("@a", rows)]).splitlines()]
    assert [(r["id"], r["contender"], r["error"]) for r in records] == [("r00", "@a", ""), ("r01", "@a", "-2+3")]
