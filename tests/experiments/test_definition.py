from datetime import date
from pathlib import Path

import pytest
import yaml
from experiment_files import EXPERIMENT, write_bundle, write_experiment

from bakeoff.errors import InputError
from bakeoff.experiments.definition import Rule, load_experiment
from bakeoff.experiments.prices import read_prices

ROOT = Path(__file__).parents[2]
CONSTANT = {"baseline": {"answer": {"constant": "w"}}}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path)
    return tmp_path


def test_defaults_come_from_the_run_files(bundle: Path) -> None:
    experiment = load_experiment(write_experiment(bundle))
    (task,) = experiment.tasks
    assert (experiment.name, experiment.seed, experiment.decision.name) == ("tiny", 0, "match")
    assert task.data == bundle / "data/tiny.jsonl"
    assert task.column_mapping == {"word": "${data.word}", "state": str(bundle / "state")}
    assert task.evaluation.folder == bundle / "evaluations/tiny"
    assert task.evaluation_mapping["answer"] == "${run.outputs.answer}"
    assert [c.name for c in experiment.contenders] == ["right", "half"]
    assert experiment.limits.least_coverage == 0.95
    assert experiment.gates is None


def test_the_decision_metric_comes_first(bundle: Path) -> None:
    metrics = {"words": {"maximum": None}, "match": {"kind": "pass_fail", "label": "hits"}}
    experiment = load_experiment(write_experiment(bundle, metrics=metrics))
    found = [(m.name, m.label, m.maximum) for m in experiment.metrics]
    assert found == [("match", "hits", 1), ("words", "words", None)]


def test_a_baseline_and_gates(bundle: Path) -> None:
    gates = {"floors": {"match": 0.5}, "largest_drop": {"match": 0.1}, "blessed": "blessed/tiny.json"}
    path = write_experiment(bundle, contenders=EXPERIMENT["contenders"] | {"none": CONSTANT}, gates=gates)
    experiment = load_experiment(path)
    assert experiment.contenders[2].baseline == {"answer": Rule("constant", "w")}
    assert experiment.gates is not None
    assert experiment.gates.blessed == bundle / "experiments/blessed/tiny.json"


@pytest.mark.parametrize(
    ("changes", "line_of", "message"),
    [
        ({"decisoin": "match"}, "decisoin", "decisoin: there is no such field; did you mean decision?"),
        ({"decision": "mtch"}, "decision", "decision: 'mtch' is not among the metrics; did you mean match?"),
        ({"tasks": {"tiny": {"flow": "../flows/none"}}}, "flow:", "none is no flow: it has no flow.dag.yaml"),
        ({"tasks": {"tiny": {"flow": "../flows/tiny", "limit": 0}}}, "limit", "tasks.tiny.limit: 0 is less than"),
        ({"contenders": {"a": {"inputs": {"mod": 1}}}}, "mod:", "has no input 'mod'; did you mean mode?"),
        (
            {"contenders": {"a": {"connections": {"sya": {"connection": "x"}}}}},
            "sya",
            "no node 'sya'; did you mean say?",
        ),
        ({"contenders": {"a": {"price": "gold"}}}, "price", "the price file has no 'gold'"),
        ({"contenders": {"a": {"price": "local"}}}, "price", "add `hardware:`"),
        ({"contenders": {"a": {"price": "openai/gpt-4o"}}}, "price", "in USD and the limits are in EUR"),
        ({"contenders": {"a": {"baseline": {"other": {"constant": 1}}}}}, "baseline", "reads the output 'answer'"),
        ({"contenders": {"a": {"baseline": {"answer": {"echo": "x"}}}}}, "echo", "no such field: use constant, column"),
        ({"contenders": {"a": CONSTANT | {"price": "local"}}}, "a:", "a baseline runs no flow"),
        ({"limits": {"margin": 0.1}}, "limits", "'reference' is a dependency of 'margin'"),
        ({"limits": {"margin": 0.1, "reference": "left"}}, "reference", "'left' is not among the contenders"),
        ({"gates": {"floors": {"f2": 1}}}, "f2", "gates.floors.f2: 'f2' is not among the metrics"),
        ({"gates": {"largest_drop": {"match": 1}}}, "gates", "'blessed' is a dependency"),
        ({"metrics": {"match": {"kind": "binary"}}}, "kind", "metrics.match.kind: 'binary' is not one of"),
        (
            {"tasks": {"tiny": {"flow": "../flows/tiny", "column_mapping": {"wrod": "${data.word}"}}}},
            "wrod",
            "has no input 'wrod'; did you mean word?",
        ),
        ({"contenders": {"a": {"inputs": {"mode": date(2024, 1, 1)}}}}, "mode:", "2024-01-01 has no form in JSON"),
        ({"contenders": {"a": {"inputs": {"mode": float("inf")}}}}, "mode:", "inf has no form in JSON"),
        ({"contenders": {"a": {"environment": {"PF_WORKER_COUNT": "0"}}}}, "PF_WORKER", "'0' is no number of workers"),
        ({"contenders": {"a": CONSTANT}, "gates": {"floors": {"match": 1}}}, "gates", "all contenders are baselines"),
        (
            {"gates": {"contenders": ["half"], "non_inferior": {"reference": "half", "margin": 0.1}}},
            "non_inferior",
            "binds only the reference itself",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    bundle: Path, changes: dict[str, object], line_of: str, message: str
) -> None:
    path = write_experiment(bundle, **changes)
    (line,) = [n for n, text in enumerate(path.read_text().splitlines(), 1) if text.strip().startswith(line_of)]
    with pytest.raises(InputError) as raised:
        load_experiment(path)
    assert any(text.startswith(f"{path}:{line}: ") and message in text for text in str(raised.value).splitlines())


def test_all_problems_are_told_at_once(bundle: Path) -> None:
    with pytest.raises(InputError) as raised:
        load_experiment(write_experiment(bundle, seed="x", extra=1))
    assert len(str(raised.value).splitlines()) == 2


def test_broken_yaml_and_missing_files(bundle: Path) -> None:
    path = write_experiment(bundle)
    path.write_text("tasks: [\n")
    with pytest.raises(InputError, match=r"tiny\.yaml:\d+: is not valid YAML"):
        load_experiment(path)
    with pytest.raises(InputError, match="there is no such experiment file"):
        load_experiment(bundle / "experiments/none.yaml")


def test_an_evaluation_without_a_row_output(bundle: Path) -> None:
    file = bundle / "evaluations/tiny/flow.dag.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"outputs": {}}))
    with pytest.raises(InputError, match="has no output `row`"):
        load_experiment(write_experiment(bundle))


OF_ANOTHER_VERB = {"finetune"}
SHIPPED = [path for path in sorted((ROOT / "experiments").glob("*.yaml")) if path.stem not in OF_ANOTHER_VERB]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_experiments_are_right(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.description
    schema = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).is_file()


def test_the_shipped_prices_have_a_date_and_a_source() -> None:
    for price in read_prices().values():
        assert price.date.year >= 2026
        assert "http" in price.source


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{input_per_million: 1}", "has exactly the fields"),
        (
            "{input_per_million: -1, output_per_million: 1, currency: EUR, date: 2026-01-01, source: x}",
            "input_per_mill",
        ),
        ("{input_per_million: 1, output_per_million: 1, currency: EUR, date: May, source: x}", "write it as"),
        ("{input_per_million: 1, output_per_million: 1, currency: EUR, date: 2026-01-01, source: ''}", "source is mis"),
    ],
)
def test_a_price_that_cannot_be_checked_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "prices.yaml").write_text(f"mine: {entry}\n")
    with pytest.raises(InputError, match=f"prices.yaml: mine: .*{message}"):
        read_prices(tmp_path / "prices.yaml")
