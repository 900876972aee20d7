"""Experiments through the real Prompt Flow, on a flow that needs no model."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from experiment_files import EXPERIMENT, WORDS, write_bundle, write_data, write_experiment

from bakeoff import catalog
from bakeoff.catalog.tuned import Tuned
from bakeoff.cli import main
from bakeoff.errors import BakeoffError, InputError
from bakeoff.experiments import tracking
from bakeoff.experiments.definition import Contender, Rule, load_experiment
from bakeoff.experiments.progress import PlainProgress
from bakeoff.experiments.result import ExperimentResult
from bakeoff.hosts import experiment_evaluate, experiment_key, experiment_run
from bakeoff.hosts.experiment_cell import artifacts, open_cell, prompts, read_lines
from bakeoff.hosts.experiment_key import cell_content, row_key
from bakeoff.hosts.experiment_rows import DataRow, baseline_outputs, read_task_rows
from bakeoff.hosts.experiment_run import run_experiment
from bakeoff.hosts.promptflow_batch import Batch
from bakeoff.metrics.rows import scored
from bakeoff.models.openai_errors import RATE_LIMITED

RIGHT = {"right": EXPERIMENT["contenders"]["right"]}  # type: ignore[index]


def silent(line: str) -> None:
    """Nobody reads it."""


def asked(root: Path, mode: str = "right") -> Counter[str]:
    """How often the flow was asked for each word."""
    log = root / f"state-asked-{mode}"
    return Counter(log.read_text().split()) if log.exists() else Counter()


def never(*arguments: object, **named: object) -> None:
    raise AssertionError("a Prompt Flow run was made")


def by_answer(task, name, rows, outputs):  # type: ignore[no-untyped-def]
    """An evaluation without a run."""
    good = {row.id: outputs[row.id]["answer"] == row.values["truth"] for row in rows if row.id in outputs}
    records = {i: {"id": i, "outcome": "answered"} | scored(right).fields("match") for i, right in good.items()}
    return experiment_evaluate.Evaluated(records)


@pytest.fixture(scope="module")
def finished(pf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:  # type: ignore[no-untyped-def]
    """A bundle whose experiment ran once; `first` in it is what was written."""
    root = tmp_path_factory.mktemp("bundle")
    write_bundle(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PF_HOME_DIRECTORY", str(pf.home))
        patch.setenv("BAKEOFF_CACHE", str(root / "cache"))
        file = write_experiment(root, gates={"floors": {"match": 0.4}})
        assert main(["run", str(file), "--output", str(root / "first")]) == 0
        yield root


@pytest.fixture
def fresh(pf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # type: ignore[no-untyped-def]
    """A bundle with an empty cache."""
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(pf.home))
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "cache"))
    write_bundle(tmp_path)
    return tmp_path


def test_contenders_are_run_scored_and_compared(finished: Path) -> None:
    result = json.loads((finished / "first/result.json").read_text())
    (task,) = result["tasks"]
    assert [c["metrics"][0]["mean"] for c in task["contenders"]] == [1.0, 0.4]
    (comparison,) = task["comparisons"]
    assert (comparison["counts"]["paired"], comparison["higher_a"], comparison["p_value"]) == (10, 6, 0.015625)
    assert task["verdict"]["contenders"] == ["right"]
    for contender in task["contenders"]:
        assert contender["evaluations"] == [{"rows_at_hand": 10, "rows_told": 10}]
        assert contender["peak_memory_mb_approximate"] > 10
        assert contender["latency"]["p95"] > 0
    assert asked(finished, "right") == asked(finished, "half") == Counter(WORDS)
    rows = [json.loads(line) for line in (finished / "first/rows.jsonl").read_text().splitlines()]
    assert [(r["contender"], r["id"], r["output"]["answer"]) for r in rows[9:11]] == [
        ("right", "w09", "w09"),
        ("half", "w00", "w00"),
    ]
    assert {path.name for path in (finished / "first").iterdir()} == {
        *("report.html", "result.json", "result.md", "rows.csv", "rows.jsonl", "junit.xml")
    }


def test_a_second_run_takes_all_from_the_cache(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (experiment_run, experiment_evaluate):
        monkeypatch.setattr(module, "run_batch", never)
    file = write_experiment(finished, gates={"floors": {"match": 0.4}})
    assert main(["run", str(file), "--output", str(finished / "second")]) == 0
    first, second = (json.loads((finished / name / "result.json").read_text()) for name in ("first", "second"))
    assert (first["this_run"]["rows_from_cache"], second["this_run"]["rows_from_cache"]) == (0, 20)
    assert first["this_run"]["command"] == f"bakeoff run {file}"
    texts = [(finished / name / "result.json").read_text().split('"this_run"')[0] for name in ("first", "second")]
    assert texts[0] == texts[1]
    for name in ("rows.csv", "rows.jsonl", "junit.xml"):
        assert (finished / "first" / name).read_bytes() == (finished / "second" / name).read_bytes()


def test_gates_decide_the_exit_code(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (experiment_run, experiment_evaluate):
        monkeypatch.setattr(module, "run_batch", never)
    output = ["--output", str(finished / "gates")]
    assert main(["run", str(write_experiment(finished, gates={"floors": {"match": 0.5}})), *output]) == 1
    assert "FAILED: half, match floor: at least 0.5: 0.4" in capsys.readouterr().out
    drop = {"largest_drop": {"match": 0.1}, "blessed": "blessed.json"}
    file = str(write_experiment(finished, gates=drop))
    assert main(["run", file, *output]) == 1
    assert main(["run", file, *output, "--bless", "--limit", "2"]) == 1
    assert "--bless does not go with --limit" in capsys.readouterr().err
    assert main(["run", file, *output, "--bless"]) == 0
    assert main(["run", file, *output]) == 0
    (finished / "experiments/blessed.json").write_text('{"tiny": {"right": {"match": 1}, "half": {"match": 0.51}}}')
    assert main(["run", file, *output]) == 1
    capsys.readouterr()
    assert main(["run", str(write_experiment(finished)), *output, "--bless"]) == 1
    assert "--bless needs `gates:" in capsys.readouterr().err


def test_trackers_get_what_was_written(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment_run, "run_batch", never)
    logged = []

    def log(tracker: str, result: ExperimentResult, folder: Path) -> str:
        written = json.loads((folder / "result.json").read_text())
        logged.append((tracker, result.experiment, written["experiment"]))
        return "name of the run"

    monkeypatch.setattr(tracking, "log", log)
    file = str(write_experiment(finished, gates={"floors": {"match": 0.4}}))
    assert main(["run", file, "--output", str(finished / "tracked"), "--wandb", "--mlflow"]) == 0
    assert logged == [("wandb", "tiny", "tiny"), ("mlflow", "tiny", "tiny")]


def write_line(run: str, number: int, **info: object) -> None:
    """A line as Prompt Flow records it."""
    moment = "2026-11-23T00:00:00"
    path = artifacts(run) / f"{number:09}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"line_number": number, "run_info": {"start_time": moment, "end_time": moment} | info}))


def test_failed_rows_are_counted_and_asked_again(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first run two rows fail, of the second none."""
    monkeypatch.setattr(experiment_run, "evaluate", by_answer)
    runs: list[list[str]] = []

    def answer(run_file: Path, name: str, **_: object) -> Batch:
        words = [json.loads(line)["word"] for line in (run_file.parent / "todo.jsonl").read_text().splitlines()]
        runs.append(words)
        for number, word in enumerate(words):
            if word in ("w03", "w07") and len(runs) == 1:
                write_line(name, number, status="Failed", output=None, error={"message": f"no answer for {word}"})
            else:
                write_line(name, number, status="Completed", output={"answer": word})
        return Batch(name, run_file.parent, len(words), 0, workers=1)

    monkeypatch.setattr(experiment_run, "run_batch", answer)
    experiment = load_experiment(write_experiment(fresh, contenders=RIGHT))
    lines: list[str] = []
    result, cells = run_experiment(experiment, PlainProgress(lines.append))
    (contender,) = result.tasks[0].contenders
    assert contender.outcomes == {"answered": 8, "missing": 2}
    assert contender.errors == {"no answer for w03": 1, "no answer for w07": 1}
    assert result.tasks[0].verdict.kind == "none_meets"
    assert lines[-2].startswith("  right: 10 of 10 rows, 2 errors, ")
    result, cells = run_experiment(experiment, PlainProgress(silent))
    assert (result.this_run.rows_from_cache, result.tasks[0].contenders[0].outcomes) == (8, {"answered": 10})
    assert runs == [WORDS, ["w03", "w07"]]
    assert [(row.id, row.output) for row in cells[0].rows] == [(word, {"answer": word}) for word in WORDS]


def test_rows_that_met_a_rate_limit_go_again_with_fewer_workers(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each run's rows all but two are turned away."""
    monkeypatch.setattr(experiment_run, "evaluate", by_answer)
    runs: list[tuple[str, list[str]]] = []

    def turn_away(run_file: Path, name: str, **_: object) -> Batch:
        rows = [json.loads(line) for line in (run_file.parent / "todo.jsonl").read_text().splitlines()]
        workers = yaml.safe_load(run_file.read_text())["environment_variables"]["PF_WORKER_COUNT"]
        runs.append((workers, [row["id"] for row in rows]))
        for number, row in enumerate(rows):
            output: dict[str, object] = {"answer": row["word"]}
            if number >= 2:
                output["completion"] = {"finish_reason": "error", "error": f"HTTP 429: {RATE_LIMITED} 3 retries"}
            write_line(name, number, status="Completed", output=output)
        return Batch(name, run_file.parent, len(rows), 0, workers=int(workers))

    monkeypatch.setattr(experiment_run, "run_batch", turn_away)
    contenders = {"right": {"environment": {"PF_WORKER_COUNT": "5"}}}
    lines: list[str] = []
    experiment = load_experiment(write_experiment(fresh, contenders=contenders))
    result, _ = run_experiment(experiment, PlainProgress(lines.append))
    assert runs == [("5", WORDS), ("2", WORDS[2:]), ("1", WORDS[4:])]
    assert "  right: rate limit: 8 rows again with 2 at once" in lines
    assert (
        result.tasks[0].contenders[0].outcomes == {"answered": 6, "missing": 4} or result.tasks[0].contenders[0].errors
    )
    (message,) = result.tasks[0].contenders[0].errors
    assert (RATE_LIMITED in message, result.tasks[0].contenders[0].errors[message]) == (True, 4)


def test_a_run_that_is_killed_goes_on_where_it_was(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after five rows, one of which failed."""
    two_workers = {"right": {"environment": {"PF_WORKER_COUNT": "2"}}}
    file = write_experiment(fresh, contenders=two_workers)
    for name in ("hold", "broken"):
        (fresh / f"state-{name}").touch()
    command = [sys.executable, "-m", "bakeoff.cli", "run", str(file), "--output", str(fresh / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    for line in process.stdout:
        if "5 of 10 rows, 1 errors" in line:
            break
    orphans = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (pending,) = fresh.glob("cache/experiments/cells/*/pending.json")
    found = list(read_lines(json.loads(pending.read_text())["run"]))
    assert [line.why for line in found if not line.is_final] == [
        "Execution failure in 'say': (ValueError) no answer for w03"
    ]
    for name in ("hold", "broken"):
        (fresh / f"state-{name}").unlink()
    monkeypatch.setattr(experiment_run, "evaluate", by_answer)
    result, _ = run_experiment(load_experiment(file), PlainProgress(silent))
    assert result.tasks[0].contenders[0].outcomes == {"answered": 10}
    assert result.this_run.rows_from_cache >= 4
    twice = asked(fresh) - Counter([*WORDS, "w03"])
    assert (asked(fresh).keys(), asked(fresh)["w03"]) == (set(WORDS), 2)
    assert twice.total() <= 2, "only lines that a worker had under way may run again"
    assert not psutil.wait_procs(orphans, timeout=30)[1]


def test_the_messages_of_each_model_call_are_found_in_the_trace() -> None:
    picture = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:..."}}]
    call = {"type": "LLM", "inputs": {"messages": [{"role": "user", "content": picture}]}, "children": None}
    other = {
        "type": "LLM",
        "inputs": {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]},
    }
    retrieval = {"type": "Function", "inputs": {"messages": [{"role": "user", "content": "no model call"}]}}
    trace = [{"type": "Flow", "inputs": None, "children": [{"type": "Function", "children": [call]}, retrieval, other]}]
    assert prompts(trace) == (
        [{"role": "user", "content": "What is it?\n[image_url]"}],
        [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}],
    )
    assert prompts(None) == ()


def test_a_cell_is_open_once(fresh: Path) -> None:
    with open_cell({"a": 1}), pytest.raises(BakeoffError, match="another `bakeoff run`"), open_cell({"a": 1}):
        pass


def test_a_row_that_was_not_scored_is_told_and_scored_again(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluation of one row fails while there is a file."""
    score = fresh / "evaluations/tiny/score.py"
    down = str(fresh / "state-down")
    broken = f'    if answer == "w05" and Path({down!r}).exists():\n        raise OSError("judge down")\n'
    code = score.read_text().replace("-> dict:\n", f"-> dict:\n{broken}")
    score.write_text(f"from pathlib import Path\n{code}")
    experiment = load_experiment(write_experiment(fresh, contenders=RIGHT))
    (fresh / "state-down").touch()
    result, _ = run_experiment(experiment, PlainProgress(silent))
    (message,) = result.tasks[0].contenders[0].errors
    assert message.startswith("the evaluation failed: ")
    assert "judge down" in message
    assert result.tasks[0].contenders[0].metrics[0].rows_scored == 9
    (fresh / "state-down").unlink()
    for _ in range(2):
        result, _ = run_experiment(experiment, PlainProgress(silent))
        assert result.tasks[0].contenders[0].errors == {}
        assert result.tasks[0].contenders[0].metrics[0].rows_scored == 10
        monkeypatch.setattr(experiment_evaluate, "run_batch", never)
    assert asked(fresh) == Counter(WORDS)


def test_no_environment_variable_stays_in_the_cache(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment_run, "evaluate", by_answer)
    contenders = {"right": {"environment": {"SOME_KEY": "k5f2d0", "PF_WORKER_COUNT": "2"}}}
    _, (cell,) = run_experiment(load_experiment(write_experiment(fresh, contenders=contenders)), PlainProgress(silent))
    assert cell.workers == 2
    kept = [path for path in (fresh / "cache").rglob("*") if path.is_file()]
    assert any(path.name == "about.json" and "SOME_KEY" in path.read_text() for path in kept)
    assert not any("k5f2d0" in path.read_text() for path in kept)


def test_another_fine_tuning_asks_for_new_answers(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned = [Tuned("base+x", fresh / "base+x", "base"), Tuned("base-x-int8", fresh / "base-x-int8", "base")]
    monkeypatch.setattr(experiment_key, "tuned_models", lambda: {model.name: model for model in tuned})
    monkeypatch.setattr(catalog, "ensure", lambda name, report: fresh / name)
    monkeypatch.setattr(catalog, "revision", lambda folder: (folder / "weights").read_text())
    for name in ("base+x", "base-adapters", "base-x-int8"):
        (fresh / name).mkdir()
        (fresh / name / "weights").write_text("1")
    (task,) = load_experiment(write_experiment(fresh)).tasks

    def keys() -> list[object]:
        return [cell_content(task, Contender("a", inputs={"mode": model.name}), 1)["models"] for model in tuned]

    assert keys() == [{"mode": "1 1"}, {"mode": "1"}]
    (fresh / "base-adapters/weights").write_text("2")
    (fresh / "base-x-int8/weights").write_text("3")
    assert keys() == [{"mode": "1 2"}, {"mode": "3"}]


def test_what_asks_for_new_answers(fresh: Path) -> None:
    def key(name: str = "a", repeat: int = 1, **fields: dict[str, str]) -> dict[str, object]:
        (task,) = load_experiment(write_experiment(fresh)).tasks
        return cell_content(task, Contender(name, **fields), repeat)  # type: ignore[arg-type]

    first = key()
    assert first == key("another name")
    assert first != key(repeat=2)
    assert first != key(inputs={"mode": "half"})
    assert first != key(environment={"X": "1"})
    (fresh / "flows/tiny/process_log").mkdir()
    (fresh / "flows/tiny/process_log/manager_process_stderr.log").touch()
    assert first == key()
    code = fresh / "flows/tiny/say.py"
    code.write_text(code.read_text() + "# another line\n")
    assert first != key()


def test_only_what_the_flow_gets_of_a_row_counts(fresh: Path) -> None:
    (task,) = load_experiment(write_experiment(fresh)).tasks
    row = {"id": "a", "word": "w", "truth": "t", "mode": "ignored: the input has a default"}
    first = row_key(task, Contender("a"), "a", row)
    assert row_key(task, Contender("a"), "a", row | {"truth": "corrected"}) == first
    assert row_key(task, Contender("a"), "a", row | {"word": "v"}) != first
    assert row_key(task, Contender("a"), "b", row) != first


def test_a_number_is_an_id(fresh: Path) -> None:
    (task,) = load_experiment(write_experiment(fresh)).tasks
    write_data(fresh, [{"id": number, "word": "w"} for number in range(2)])
    assert [row.id for row in read_task_rows(task, None, 0)] == ["0", "1"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "a", "word": "w", "city": "x"}], r"row 'a' has no column 'truth', which .*evaluations/tiny reads"),
        ([{"id": "a", "word": "w", "truth": "w"}], "row 'a' has no 'city', the column that `clusters` names"),
        ([{"id": "a", "word": "w", "truth": "w", "city": "x"}], "no column 'other', which a baseline reads"),
    ],
)
def test_what_reads_the_rows_later_is_checked_before_a_model_is_asked(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, object]], message: str
) -> None:
    monkeypatch.setattr(experiment_run, "run_batch", never)
    write_data(fresh, rows)
    contenders = RIGHT | {"same": {"baseline": {"answer": {"column": "other"}}}}
    tasks = {"tiny": {"flow": "../flows/tiny", "clusters": "city"}}
    with pytest.raises(InputError, match=message):
        run_experiment(
            load_experiment(write_experiment(fresh, contenders=contenders, tasks=tasks)), PlainProgress(silent)
        )


def test_rows_need_ids_of_their_own(fresh: Path) -> None:
    (task,) = load_experiment(write_experiment(fresh)).tasks
    write_data(fresh, [{"id": "a", "word": "w"}, {"word": "w"}])
    with pytest.raises(InputError, match=r"tiny\.jsonl, line 2: the row has no `id`"):
        read_task_rows(task, None, 0)
    write_data(fresh, [{"id": "a", "word": "w"}, {"id": "b", "word": "w"}, {"id": "a", "word": "v"}])
    with pytest.raises(InputError, match="line 3: the id 'a' is that of line 1 too"):
        read_task_rows(task, None, 0)


def test_a_limit_takes_of_each_category_its_share(fresh: Path) -> None:
    (task,) = load_experiment(write_experiment(fresh)).tasks
    rows = read_task_rows(task, 4, 0)
    assert [row.stratum for row in rows].count("a") == 2
    assert rows == read_task_rows(task, 4, 0) == sorted(rows, key=lambda row: row.id)
    assert len({tuple(row.id for row in read_task_rows(task, 4, seed)) for seed in range(5)}) > 1


def test_the_rows_of_a_baseline() -> None:
    rows = [DataRow(str(n), {"truth": truth, "tags": [truth]}) for n, truth in enumerate(("b", "a", "a"))]
    rules = {"x": Rule("most_frequent", "truth"), "y": Rule("constant", {}), "z": Rule("column", "tags")}
    assert baseline_outputs(rules, rows)[0] == {"x": "a", "y": {}, "z": ["b"]}
    with pytest.raises(InputError, match="row '0' has no column 'other'"):
        baseline_outputs({"x": Rule("column", "other")}, rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flows/chat", "--limit", "3"], "--limit does not go with a flow folder"),
        (["flows/chat", "--wandb"], "--wandb does not go with a flow folder"),
        (["experiments/chat.yaml", "--model", "x"], "--model does not go with an experiment"),
        (["experiments/chat.yaml", "--repeat", "0"], "--repeat is 0"),
        (["experiments/chat.yaml", "--output", "README.md"], "error: README.md: File exists"),
    ],
)
def test_options_that_do_not_fit(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_flow_is_run_only_if_it_can_be_scored_as_asked(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = fresh / "flows/tiny"
    assert main(["run", str(flow), "--model", "x"]) == 1
    assert "tiny has no input 'model': it has word, mode, state" in capsys.readouterr().err
    (fresh / "evaluations/tiny/run.yaml").unlink()
    assert main(["run", str(flow)]) == 1
    assert "evaluations/tiny/run.yaml does not exist" in capsys.readouterr().err


def test_the_mapping_of_the_evaluation_is_turned_to_the_merged_rows() -> None:
    turned = experiment_evaluate._from_data
    assert turned("${run.outputs.answer}") == "${data.run_output_answer}"
    assert turned("${data.truth}") == "${data.truth}"
    assert turned(3) == 3
    assert yaml.safe_dump(turned("${run.outputs.a}"))
