"""evaluations/judge through the real `pf` and in an experiment, with a judge on a loopback endpoint."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from endpoint import Endpoint, endpoint
from experiment_files import write_bundle

from bakeoff.experiments.definition import DefinitionError, load_experiment
from bakeoff.experiments.progress import PlainProgress
from bakeoff.hosts.experiment_run import run_experiment
from bakeoff.metrics.judge import CRITERIA

ROOT = Path(__file__).parents[2]
EVALUATION = ROOT / "evaluations/judge"
LABELLED = [json.loads(line) for line in (ROOT / "data/judge/labelled.jsonl").read_text(encoding="utf-8").splitlines()]
CRITERION = {(EVALUATION / f"{c.name}.jinja2").read_text(encoding="utf-8").strip(): c.name for c in CRITERIA}


def shown(text: str, name: str) -> str:
    """A text that the judge was shown."""
    found = re.search(rf"<{name} (\w+)>\n(.*)\n</{name} \1>", text, re.DOTALL)
    return found[2] if found else ""


def by_the_labels(messages: list[dict[str, Any]]) -> str:
    """A judge who says of data/judge what people said, except that every similarity is 3; of two answers it prefers the
    one shown first."""
    criterion = CRITERION.get(messages[0]["content"].strip(), "preference")
    text = messages[1]["content"]
    if criterion == "preference":
        return json.dumps({"reason": "it came first", "winner": "first"})
    if criterion == "similarity":
        return json.dumps({"reason": "", "score": 3})
    labels = [
        row["labels"]
        for row in LABELLED
        if all(shown(text, name) in ("", row[name]) for name in ("question", "answer", "context"))
    ]
    return json.dumps({"reason": "as people say", "score": labels[0][criterion] if labels else 4})


@pytest.fixture(scope="module")
def judge() -> Iterator[Endpoint]:
    """The judge on an endpoint."""
    with endpoint(by_the_labels) as running:
        yield running


def test_a_judge_behind_a_connection_is_checked(pf: Any, judge: Endpoint, tmp_path: Path) -> None:
    connection = ROOT / "connections/openai_compatible.yaml"
    pf("connection", "create", "--file", connection, "--name", "the_judge", "--set", f"base_url={judge.url}/v1")
    labelled = LABELLED[:12]
    data = tmp_path / "labelled.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in labelled), encoding="utf-8")
    changed = ("--data", data, "--set", "column_mapping.judge=any", "column_mapping.input_price=2.5")
    named = ("--connections", "judge_line.connection=the_judge", "--name", "judged")
    pf("run", "create", "--file", EVALUATION / "run.check.yaml", *changed, *named)
    folder = pf.run_folder("judged")
    metrics = json.loads((folder / "metrics.json").read_text())
    rows = [json.loads(line)["row"] for line in (folder / "flow_outputs/output.jsonl").read_text().splitlines()]
    assert len(rows) == metrics["rows_expected"] == len(labelled)
    assert {row["relevance_reason"] for row in rows} == {"as people say"}
    assert [row["relevance_score"] for row in rows] == [row["labels"]["relevance"] for row in labelled]
    assert (metrics["relevance_kappa"], metrics["relevance_judge_fit"]) == (1, 1)
    assert (metrics["similarity_judge_fit"], metrics["similarity_kappa"]) == (0, 0)
    assert metrics["relevance_repeat_kappa"] == 1
    assert (metrics["position_flip"], metrics["first_wins"], metrics["preference_judge_fit"]) == (1, 1, 0)
    assert metrics["judge_calls_total"] == len(labelled) * (2 * len(CRITERIA) + 2) == len(judge.paths)
    assert metrics["judge_cost_total"] == pytest.approx(metrics["judge_prompt_tokens_total"] * 2.5e-6)


@pytest.fixture
def bundle(pf: Any, judge: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes an experiment on two baselines that the judge scores; the path of it."""
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(pf.home))
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_BASE_URL", f"{judge.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "no-key-needed")
    write_bundle(tmp_path)
    rows = [{**row, "good": row["ground_truth"], "truth": ""} for row in LABELLED[:4]]
    (tmp_path / "data/tiny.jsonl").write_text("".join(json.dumps({**row, "word": ""}) + "\n" for row in rows))

    def write(**task: Any) -> Path:
        definition = {
            "tasks": {
                "tiny": {
                    "flow": "../flows/tiny",
                    "evaluation": str(EVALUATION / "run.yaml"),
                    "evaluation_inputs": {"judge": "openai:any", "criteria": ["relevance", "similarity"]},
                    **task,
                }
            },
            "contenders": {
                "good": {"baseline": {"answer": {"column": "answer"}}},
                "same": {"baseline": {"answer": {"constant": "Something else."}}},
            },
            "metrics": {name: {"kind": "ordinal", "maximum": 5} for name in ("relevance", "similarity")},
            "decision": "similarity",
        }
        path = tmp_path / "experiments/judged.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(definition, sort_keys=False))
        return path

    return write


def test_scores_of_an_unfit_judge_decide_nothing_and_those_of_a_fit_one_do(bundle: Callable[..., Path]) -> None:
    file = bundle()
    result, cells = run_experiment(load_experiment(file), PlainProgress(lambda _: None))
    (task,) = result.tasks
    good = task.contenders[0]
    relevance, similarity = good.metric("relevance"), good.metric("similarity")
    assert relevance is not None and similarity is not None  # noqa: PT018
    assert (relevance.mean, relevance.coverage) == (4, 1)
    assert (similarity.mean, similarity.rows_scored) == (None, 0)
    assert task.verdict.kind == "none_meets"
    assert "the judge is unfit for similarity: with people's labels kappa is 0.00" in task.verdict.sentence
    assert good.evaluations[0]["similarity_judge_fit"] == 0
    assert {row.record["similarity_unused_score"] for row in cells[0].rows if row.record} == {3}

    file.write_text(file.read_text().replace("decision: similarity", "decision: relevance"))
    (task,) = run_experiment(load_experiment(file), PlainProgress(lambda _: None))[0].tasks
    assert (task.verdict.kind, task.verdict.contenders) == ("tie", ("good", "same"))
    assert "relevance" in task.verdict.sentence
    assert task.verdict.reasons == {}


def test_inputs_that_the_evaluation_lacks_are_refused(bundle: Callable[..., Path]) -> None:
    with pytest.raises(DefinitionError, match=r"judged.yaml:\d+: .*evaluation_inputs: .* has no 'judges'"):
        load_experiment(bundle(evaluation_inputs={"judges": "x"}))


def test_the_judge_that_the_shipped_experiment_offers_in_its_comments_can_be_named(tmp_path: Path) -> None:
    text = (ROOT / "experiments/judged.yaml").read_text(encoding="utf-8").replace("../", f"{ROOT}/")
    text = re.sub(r"^    evaluation_inputs: .*\n", "", text, flags=re.MULTILINE)
    file = tmp_path / "judged.yaml"
    file.write_text(re.sub(r"^    # evaluation_", "    evaluation_", text, flags=re.MULTILINE), encoding="utf-8")
    (task,) = load_experiment(file).tasks
    assert task.evaluation_mapping["judge"] == "<your-deployment>"
    assert task.evaluation_connections == {"judge_line": {"connection": "azure_openai"}}
    assert task.check is not None
    assert task.check.mapping["judge"] == "<your-deployment>"
