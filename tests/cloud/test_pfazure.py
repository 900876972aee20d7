"""Microsoft's own `pfazure` command takes the run files as they are."""

import json
import re
import shutil
from pathlib import Path

import pytest
from control_plane import SCOPE
from loopback_cloud import ROOT, Cloud

ROWS = [
    {"id": "1", "question": "Hi", "chat_history": [], "ground_truth": "You said Hi", "aliases": [], "category": "a"},
    {"id": "2", "question": "Bye", "chat_history": [], "ground_truth": "Paris", "aliases": [], "category": "a"},
    {"id": "3", "question": "HTTP 400", "chat_history": [], "ground_truth": "Rome", "aliases": [], "category": "b"},
]


@pytest.fixture(scope="module")
def submitted(cloud: Cloud) -> Cloud:
    """A base run and its evaluation, submitted and executed."""
    data = cloud.folder / "pfazure.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    create = ("run", "create", "--data", data)
    deployment = ("--set", "column_mapping.model=my-deployment")
    cloud.pfazure(*create, "--file", "flows/chat/run.azure.yaml", "--name", "pfazure_chat", *deployment)
    evaluation = ("--file", "evaluations/chat/run.azure.yaml", "--name", "pfazure_chat_eval", "--run", "pfazure_chat")
    cloud.pfazure(*create, *evaluation)
    cloud.compute.wait()
    return cloud


def test_the_run_files_are_executed_and_their_metrics_come_back(submitted: Cloud) -> None:
    runs = submitted.compute.runs
    assert {name: runs[name].error for name in ("pfazure_chat", "pfazure_chat_eval")} == {
        "pfazure_chat": "",
        "pfazure_chat_eval": "",
    }
    answers = [line["output"]["answer"] for line in runs["pfazure_chat"].lines]
    assert answers == ["You said Hi", "You said Bye", ""]
    assert {path.split("?")[0] for path in submitted.endpoint.paths} == {
        "/openai/deployments/my-deployment/chat/completions"
    }
    printed = submitted.pfazure("run", "show-metrics", "--name", "pfazure_chat_eval")
    metrics = json.loads(re.search(r"\{.*\}", printed, re.DOTALL)[0])
    assert metrics["exact_match"] == 0.5
    assert metrics["exact_match_coverage"] == pytest.approx(2 / 3)
    assert metrics["rows_expected"] == 3


def test_what_is_sent_is_the_run_file(submitted: Cloud) -> None:
    base, evaluation = (submitted.compute.runs[name].body for name in ("pfazure_chat", "pfazure_chat_eval"))
    assert base["connections"] == {"chat": {"connection": "azure_openai"}}
    assert base["inputsMapping"] == {
        "question": "${data.question}",
        "chat_history": "${data.chat_history}",
        "model": "my-deployment",
    }
    assert evaluation["variantRunId"] == "pfazure_chat"
    assert evaluation["inputsMapping"]["answer"] == "${run.outputs.answer}"


def test_snapshots_hold_the_flow_and_the_shared_package_and_nothing_else(submitted: Cloud) -> None:
    snapshot = submitted.compute.folder / "pfazure_chat" / "snapshot"
    sent = {path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()}
    own = {"flow.dag.yaml", "chat.py", "system.jinja2", "requirements.txt", "README.md", "run.yaml", "run.azure.yaml"}
    assert {name for name in sent if not name.startswith("bakeoff/")} == own | {".amlignore"}
    package = ROOT / "src" / "bakeoff"
    expected = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
    assert {name for name in sent if name.startswith("bakeoff/")} == {n for n in expected if "__pycache__" not in n}


@pytest.mark.parametrize(
    ("name", "first_line", "missing"),
    [("no_include", "", "bakeoff"), ("no_requirement", "import tantivy\n", "tantivy")],
)
def test_a_flow_that_does_not_bring_what_it_imports_fails(
    submitted: Cloud, tmp_path: Path, name: str, first_line: str, missing: str
) -> None:
    flow = shutil.copytree(ROOT / "flows/chat", tmp_path / "chat", ignore=shutil.ignore_patterns("__pycache__"))
    yaml = (flow / "flow.dag.yaml").read_text(encoding="utf-8")
    (flow / "flow.dag.yaml").write_text(
        yaml.replace("additional_includes:\n- ../../src/bakeoff\n", ""), encoding="utf-8"
    )
    code = (flow / "chat.py").read_text(encoding="utf-8")
    (flow / "chat.py").write_text(first_line + code, encoding="utf-8")
    data = ("--data", submitted.folder / "pfazure.jsonl")
    submitted.pfazure("run", "create", "--file", flow / "run.azure.yaml", "--name", name, *data)
    submitted.compute.wait()
    assert submitted.compute.runs[name].status == "Failed"
    assert f"No module named '{missing}'" in submitted.compute.runs[name].error


def test_no_host_but_azure_is_asked(submitted: Cloud) -> None:
    assert submitted.proxy.refused == set()
    assert f"/flow/api{SCOPE}/BulkRuns/submit" in {request.path for request in submitted.plane.requests}
    assert submitted.plane.wrong == []
