import json
from pathlib import Path

import pytest
import yaml
from echo_flow import FAILS, write_echo_flow

ROOT = Path(__file__).parents[2]
EVALUATION = ROOT / "evaluations" / "chat"


def write_jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_flow_is_valid(pf):
    assert json.loads(pf("flow", "validate", "--source", EVALUATION).stdout)["result"] == "Succeeded"


def test_run_file_maps_every_input_that_comes_from_rows():
    run = yaml.safe_load((EVALUATION / "run.yaml").read_text(encoding="utf-8"))
    flow = yaml.safe_load((EVALUATION / "flow.dag.yaml").read_text(encoding="utf-8"))
    assert set(run["column_mapping"]) == set(flow["inputs"]) - {"expected_rows"}
    columns = set(json.loads((EVALUATION / run["data"]).read_text(encoding="utf-8").splitlines()[0]))
    mapped = {v.removeprefix("${data.").rstrip("}") for v in run["column_mapping"].values() if v.startswith("${data.")}
    assert mapped <= columns


@pytest.fixture
def outcomes(tmp_path):
    """One row of each kind, the last one with columns that are of the wrong type."""
    stop = {"finish_reason": "stop", "total_time": 2.0, "time_to_first_token": 0.5, "completion_tokens": 4}
    return write_jsonl(
        tmp_path / "answers.jsonl",
        [
            {"id": "a", "answer": "Paris", "completion": stop, "ground_truth": "Paris", "aliases": [], "category": "x"},
            {
                "id": "b",
                "answer": "42",
                "completion": stop,
                "ground_truth": "forty",
                "aliases": ["42"],
                "category": "x",
            },
            {"id": "c", "answer": "", "completion": {"finish_reason": "error", "error": "boom"}, "ground_truth": "1"},
            {"id": "d", "answer": "", "completion": {"finish_reason": "content_filter"}, "ground_truth": "1"},
            {"id": "e", "answer": "I can't help with that.", "completion": stop, "ground_truth": "1"},
            {"id": "f", "answer": "One two", "completion": {"finish_reason": "length"}, "ground_truth": "1"},
            {"id": 7, "answer": "1", "completion": "not a record", "ground_truth": "1", "aliases": 5},
        ],
    )


def test_data_run_scores_every_kind_of_row(pf, outcomes):
    mapping = [f"{column}=${{data.{column}}}" for column in ("id", "category", "aliases")]
    pf(
        "run",
        "create",
        "--flow",
        EVALUATION,
        "--data",
        outcomes,
        "--name",
        "kinds_of_rows",
        "--column-mapping",
        *mapping,
    )
    folder = pf.run_folder("kinds_of_rows")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    kinds = ("answered", "refused", "truncated", "filtered", "errored", "unparsable", "missing")
    assert [metrics[f"rows_{kind}"] for kind in kinds] == [2, 1, 1, 1, 1, 1, 0]
    assert metrics["rows_expected"] == 7
    assert metrics["rows_expected_known"] == 1
    assert metrics["exact_match"] == 0.5
    assert metrics["exact_match_worst_case"] == pytest.approx(2 / 7)
    assert metrics["exact_match_rows_failed"] == 3
    assert metrics["category_x_exact_match"] == 1
    assert metrics["latency_p95"] == 2.0
    assert metrics["tokens_per_second"] == 2.0

    outputs = [json.loads(line) for line in (folder / "flow_outputs" / "output.jsonl").open(encoding="utf-8")]
    assert [output["row"]["id"] for output in outputs] == ["a", "b", "c", "d", "e", "f", "7"]
    assert "boom" in outputs[2]["row"]["f1_reason"]


def test_rows_that_failed_in_the_base_run_count_as_missing(pf, tmp_path):
    base = write_echo_flow(tmp_path / "base")
    answers = ("red", FAILS, "blue", FAILS)
    same = {"completion": {"finish_reason": "stop", "total_time": 0.5}, "ground_truth": "red"}
    data = write_jsonl(tmp_path / "data.jsonl", [{"answer": a, "id": str(i)} | same for i, a in enumerate(answers)])
    pf("run", "create", "--flow", base, "--data", data, "--name", "base_with_failures")
    mapping = [
        "answer=${run.outputs.answer}",
        "completion=${run.outputs.completion}",
        "ground_truth=${data.ground_truth}",
        "id=${data.id}",
    ]
    evaluate = [
        "run",
        "create",
        "--flow",
        EVALUATION,
        "--data",
        data,
        "--run",
        "base_with_failures",
        "--name",
        "evaluated",
    ]
    pf(*evaluate, "--column-mapping", *mapping)

    metrics = json.loads((pf.run_folder("evaluated") / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["rows_expected"] == 4
    assert metrics["rows_missing"] == 2
    assert metrics["exact_match"] == 0.5
    assert metrics["exact_match_coverage"] == 0.5
    assert metrics["exact_match_worst_case"] == 0.25
