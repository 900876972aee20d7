import math
from types import SimpleNamespace

import pytest
from promptflow._core.metric_logger import add_metric_logger, remove_metric_logger
from promptflow._sdk._errors import RunNotFoundError
from promptflow.tracing._operation_context import OperationContext

from bakeoff.errors import InputError
from bakeoff.hosts import promptflow_aggregate
from bakeoff.hosts.promptflow_aggregate import expected_rows, log_metrics


@pytest.fixture
def logged():
    metrics = {}

    def remember(key, value):
        metrics[key] = value

    add_metric_logger(remember)
    yield metrics
    remove_metric_logger(remember)


@pytest.fixture
def history(monkeypatch):
    """Runs by name, as the local run history gives them; the one being aggregated is `current`."""
    runs = {}

    def get(name):
        if name not in runs:
            raise RunNotFoundError(message=f"run {name} not found")
        return runs[name]

    monkeypatch.setattr(promptflow_aggregate, "PFClient", lambda: SimpleNamespace(runs=SimpleNamespace(get=get)))
    before = OperationContext.get_instance()
    OperationContext.set_instance(OperationContext(root_run_id="current"))
    yield runs
    OperationContext.set_instance(before)


def test_finite_numbers_are_logged_and_returned(logged):
    assert log_metrics({"f1": 0.5, "rows": 2}) == {"f1": 0.5, "rows": 2} == logged


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.5", None, True])
def test_anything_else_is_refused_by_name_before_the_first_is_logged(logged, value):
    with pytest.raises(InputError, match="'f1'"):
        log_metrics({"rows": 2, "f1": value})
    assert logged == {}


def test_the_given_number_of_rows_wins(history):
    history["current"] = SimpleNamespace(run="base", data=None)
    history["base"] = SimpleNamespace(properties={"system_metrics": {"__pf__.lines.completed": 3}})
    assert expected_rows([7, 7]) == 7


@pytest.mark.parametrize("given", [[], [0, 0]])
def test_a_base_run_counts_its_failed_lines(history, given):
    history["current"] = SimpleNamespace(run="base", data="unread.jsonl")
    lines = {"__pf__.lines.completed": 3, "__pf__.lines.failed": 2}
    history["base"] = SimpleNamespace(properties={"system_metrics": lines})
    assert expected_rows(given) == 5


def test_without_a_base_run_the_data_file_counts(history, tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"answer": "x"}\n' * 3, encoding="utf-8")
    history["current"] = SimpleNamespace(run=None, data=data)
    assert expected_rows([0]) == 3


def test_a_run_without_local_history_is_unknown(history):
    assert expected_rows([0]) is None


def test_a_base_run_without_line_counts_is_unknown(history):
    history["current"] = SimpleNamespace(run="base", data=None)
    history["base"] = SimpleNamespace(properties={})
    assert expected_rows([0]) is None


def test_outside_a_run_the_number_is_unknown(history):
    OperationContext.set_instance(OperationContext())
    assert expected_rows([]) is None
