"""`bakeoff submit --dry-run`: what it prints of a sound bundle, and that each thing broken in it is found."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bakeoff.cli import main

ROOT = Path(__file__).parents[2]

DryRun = Callable[..., tuple[int, str]]
PICTURE = {"data:image/png;path": "images/a.png"}


@pytest.fixture
def bundle(good_bundle: Path) -> Path:
    """Its run files say how it runs in Azure."""
    for folder in ("flows/chat", "evaluations/chat"):
        shutil.copy(good_bundle / folder / "run.yaml", good_bundle / folder / "run.azure.yaml")
        (good_bundle / folder / ".amlignore").write_text(".env\n__pycache__/\n", encoding="utf-8")
    return good_bundle


@pytest.fixture
def dry_run(bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> DryRun:
    """Call it; (status, what it printed). Without a login: no variable of Azure is set."""
    monkeypatch.chdir(bundle)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    def call(*more: str) -> tuple[int, str]:
        status = main(["submit", "flows/chat", "--dry-run", *more])
        return status, capsys.readouterr().out

    return call


def test_it_prints_what_would_be_sent(bundle: Path, dry_run: DryRun) -> None:
    status, said = dry_run("--evaluate")
    assert status == 0
    assert re.search(r"^run chat_[0-9a-f]{12}$", said, re.M)
    assert re.search(r"^run chat_eval_[0-9a-f]{12}, evaluates chat_[0-9a-f]{12}$", said, re.M)
    size = (bundle / "src/shared/answers.py").stat().st_size
    assert re.search(rf"^ +{size}  shared/answers\.py$", said, re.M)
    assert "question: '${data.question}'" in said
    assert "chat.connection: azure_openai" in said
    assert said.endswith("nothing was sent; 0 errors, 0 warnings\n")


def test_the_name_follows_the_content(bundle: Path, dry_run: DryRun) -> None:
    def name(*more: str) -> str:
        return re.search(r"^run (\S+)", dry_run(*more)[1])[1]

    first = name()
    (bundle / "flows/chat/chat.py").touch()
    assert name() == first
    names = {first, name("--model", "other")}
    for path in ("data/chat/questions.jsonl", "src/shared/answers.py", "flows/chat/system.jinja2"):
        (bundle / path).write_text((bundle / path).read_text(encoding="utf-8") + "\n", encoding="utf-8")
        names.add(name())
    assert len(names) == 5


def _replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        text = (bundle / file).read_text(encoding="utf-8")
        assert old in text
        (bundle / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def _write(file: str, content: str) -> Callable[[Path], None]:
    return lambda bundle: _written(bundle / file, content)


def _written(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def _undeclared_requirements(bundle: Path) -> None:
    """A commented flow without includes, whose requirements.txt Prompt Flow's client would write into its YAML."""
    shutil.copytree(bundle / "src/shared", bundle / "flows/chat/shared")
    _replace("flows/chat/flow.dag.yaml", "additional_includes:\n- ../../src/shared\n", "# why it is so\n")(bundle)
    _replace("flows/chat/flow.dag.yaml", "environment:\n  python_requirements_txt: requirements.txt\n", "")(bundle)


def _images_beside_the_rows(bundle: Path) -> None:
    _written(bundle / "data/chat/images/a.png", "a picture")
    row = {"id": "1", "question": "What is this?", "ground_truth": "a cat", "image": PICTURE}
    _written(bundle / "data/chat/questions.jsonl", json.dumps(row) + "\n")
    _replace("flows/chat/flow.dag.yaml", "  question:\n", "  image:\n    type: image\n  question:\n")(bundle)


@pytest.mark.parametrize(
    ("break_it", "status", "said"),
    [
        (
            _replace("flows/chat/flow.dag.yaml", "additional_includes:\n- ../../src/shared\n", ""),
            1,
            r"flow.dag.yaml:1: error: .* would not have: add \.\./\.\./src/shared to additional_includes",
        ),
        (_write("src/shared/loading.py", "import torch\n\n\ndef load(text: str): ...\n"), 1, r"error: misses torch"),
        (_replace("flows/chat/run.azure.yaml", "${data.question}", "${data.query}"), 1, r"have no column 'query'"),
        (_replace("flows/chat/run.azure.yaml", "question:", "questions:"), 1, r"the flow has no input 'questions'"),
        (_replace("flows/chat/run.azure.yaml", "  chat:\n", "  chats:\n"), 1, r"node 'chats', which does not exist"),
        (_replace("flows/chat/run.azure.yaml", "model: small", 'model: ""'), 1, r"error: no deployment is named"),
        (_write("src/shared/.env.local", "KEY=1"), 1, r"shared/.env.local: error: looks like a file of secrets"),
        (_undeclared_requirements, 1, r"flow.dag.yaml:\d+: warning: `pfazure` would write the file anew, without its"),
        (_images_beside_the_rows, 1, r"questions.jsonl:1: error: image images/a.png would stay behind"),
        (lambda bundle: (bundle / "flows/chat/.amlignore").unlink(), 0, r"flows/chat: warning: there is no .amlignore"),
    ],
)
def test_what_is_broken_is_found(
    bundle: Path, dry_run: DryRun, break_it: Callable[[Path], None], status: int, said: str
) -> None:
    break_it(bundle)
    ended, printed = dry_run()
    assert re.search(said, printed)
    assert ended == status


def test_an_env_file_is_found_unless_it_is_ignored(bundle: Path, dry_run: DryRun) -> None:
    _written(bundle / "flows/chat/.env", "KEY=1")
    assert dry_run()[0] == 0
    (bundle / "flows/chat/.amlignore").write_text("__pycache__/\n", encoding="utf-8")
    status, said = dry_run()
    assert status == 1
    assert "flows/chat/.env: error: an .env file holds secrets and a cloud run uploads it" in said
    assert "KEY=1" not in said


def test_a_large_folder_is_a_warning(bundle: Path, dry_run: DryRun) -> None:
    with (bundle / "flows/chat/weights.bin").open("wb") as file:
        file.truncate(101_000_000)
    status, said = dry_run()
    assert status == 0
    assert "flows/chat: warning: 101 MB would be uploaded, weights.bin alone 101 MB: name what" in said


def test_images_are_sent_with_their_folder(bundle: Path, dry_run: DryRun) -> None:
    _images_beside_the_rows(bundle)
    status, said = dry_run("--data", "data/chat")
    assert status == 0
    assert re.search(r"^ +9  images/a\.png$", said, re.M)


def test_errors_stop_a_submission_before_a_login_is_asked_for(
    bundle: Path, dry_run: DryRun, capsys: pytest.CaptureFixture[str]
) -> None:
    _replace("flows/chat/run.azure.yaml", "${data.question}", "${data.query}")(bundle)
    assert main(["submit", "flows/chat"]) == 1
    assert "error: nothing was sent: repair the 1 error above first" in capsys.readouterr().err


def test_a_pipeline_is_shown_as_azure_ai_ml_has_checked_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    flow = ROOT / "flows/multiple_choice"
    scale = ("--scale", "--compute", "cpu-cluster", "--nodes", "8", "--mini-batch", "50")
    assert main(["submit", str(flow), "--model", "gpt", "--evaluate", "--dry-run", *scale]) == 0
    said = capsys.readouterr().out
    steps = "split -> flow -> join -> evaluation -> merge"
    assert re.search(rf"^pipeline multiple_choice_scale_[0-9a-f]{{12}}: {steps}$", said, re.M)
    start = said.index("\nname: multiple_choice_scale_")
    jobs = yaml.safe_load(said[start : said.index("nothing was sent")])["jobs"]
    assert jobs["flow"]["inputs"]["question"] == "${data.question}"
    assert jobs["flow"]["inputs"]["connections.choose.connection"] == "azure_openai"
    assert jobs["evaluation"]["inputs"]["answer"] == "${data.run.outputs.answer}"
    assert jobs["flow"]["resources"] == {"instance_count": 8}
    assert jobs["flow"]["mini_batch_size"] == "50"
    assert len({(step["component"]["name"], step["component"]["version"]) for step in jobs.values()}) == 5
    assert "nothing was sent; 0 errors" in said


@pytest.mark.parametrize(
    ("break_it", "options", "said"),
    [
        (lambda bundle: None, ("--scale",), "--scale needs --compute"),
        (lambda bundle: None, ("--nodes", "3"), "--nodes goes with --scale only"),
        (lambda bundle: None, ("--scale", "--compute", "c", "--mini-batch", "0"), "--mini-batch is 0"),
        (
            _replace("flows/chat/flow.dag.yaml", "display_name:", "type: evaluation\ndisplay_name:"),
            ("--scale", "--compute", "c"),
            r"flow.dag.yaml:\d+: Azure ML takes no component of `type: evaluation`: omit it",
        ),
        (
            lambda bundle: None,
            ("--scale", "--compute", "c"),
            "flows/chat cannot be a component: its tools do not load here",
        ),
    ],
)
def test_what_no_pipeline_can_be_is_named(
    bundle: Path,
    dry_run: DryRun,
    capsys: pytest.CaptureFixture[str],
    break_it: Callable[[Path], None],
    options: tuple[str, ...],
    said: str,
) -> None:
    break_it(bundle)
    assert main(["submit", "flows/chat", "--dry-run", *options]) == 1
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize(
    "flow", sorted(path.parent for path in ROOT.glob("*/*/flow.dag.yaml")), ids=lambda path: path.name
)
def test_every_flow_says_how_it_runs_in_azure_and_what_stays_here(flow: Path) -> None:
    assert (flow / "run.azure.yaml").is_file()
    ignored = (flow / ".amlignore").read_text(encoding="utf-8").split()
    assert {".env", "__pycache__/", "!.promptflow/flow.tools.json"} <= set(ignored)
