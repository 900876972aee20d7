import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from bakeoff.cli import main
from bakeoff.errors import InputError
from bakeoff.hosts.doctor import examine

ROOT = Path(__file__).parents[2]


def test_the_good_bundle_has_no_findings(good_bundle: Path) -> None:
    report = examine(good_bundle)
    assert list(report.lines()) == ["0 errors, 0 warnings in 2 flows, 2 run files, 1 data file, 1 experiment"]
    assert report.not_checked == []


def test_this_bundle_has_no_errors() -> None:
    report = examine(ROOT)
    assert [line for line in report.lines() if ": error: " in line] == []
    assert {flow.folder for flow in report.bundle.flows} >= {ROOT / "flows/chat", ROOT / "evaluations/chat"}


def test_it_starts_without_prompt_flow(good_bundle: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bakeoff.hosts.doctor import examine\n"
        f"examine(Path({str(good_bundle)!r}))\n"
        "print([name for name in sys.modules if name.startswith('promptflow')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "src", check=True)
    assert done.stdout == "[]\n"


def test_the_command_prints_each_finding_and_fails_on_errors_only(
    good_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(good_bundle)]) == 0
    run = good_bundle / "flows/chat/run.yaml"
    run.write_text(run.read_text().replace("azure_openai", "mine"))
    capsys.readouterr()
    assert main(["doctor", str(good_bundle)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("flows/chat/run.yaml:8: warning: connection 'mine' is not registered")
    assert said[1:] == ["0 errors, 1 warning in 2 flows, 2 run files, 1 data file, 1 experiment"]
    (good_bundle / "flows/chat/chat.py").unlink()
    assert main(["doctor", str(good_bundle)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("flows/chat/flow.dag.yaml:33: error: tool file 'chat.py' of node 'chat' does not exist")
    assert said[-1] == "1 error, 1 warning in 2 flows, 2 run files, 1 data file, 1 experiment"


def test_here_is_the_default_folder(
    good_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(good_bundle)
    assert main(["doctor"]) == 0
    assert "2 flows" in capsys.readouterr().out


def test_one_flow_can_be_checked_alone(good_bundle: Path) -> None:
    report = examine(good_bundle / "evaluations/chat")
    assert list(report.lines()) == ["0 errors, 0 warnings in 1 flow, 1 run file, 1 data file, 0 experiments"]


def test_a_folder_without_a_flow_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no flow\.dag\.yaml in "):
        examine(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        examine(tmp_path / "nothing")


def test_without_a_registry_connections_are_not_checked_and_it_says_so(good_bundle: Path, registry: Path) -> None:
    registry.unlink()
    report = examine(good_bundle)
    assert report.findings == []
    (said,) = report.not_checked
    assert said.startswith("connections not checked (azure_openai): ")
    assert not registry.exists()


def test_an_empty_registry_has_no_connections(good_bundle: Path, registry: Path) -> None:
    registry.write_bytes(b"")
    (finding,) = examine(good_bundle).findings
    assert "pf connection create --file connections/azure_openai.yaml" in finding.message


def test_no_secret_is_ever_printed(good_bundle: Path) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    for name in ("connections/azure_openai.yaml", "flows/chat/run.yaml", "flows/chat/.env"):
        with (good_bundle / name).open("a", encoding="utf-8") as file:
            file.write(f"secret: {secret}\n")
    said = "\n".join(examine(good_bundle).lines())
    assert said.count("looks as if it held") == 2
    assert secret not in said
    assert "hunter2" not in said


def test_an_env_file_that_no_upload_takes_is_fine(good_bundle: Path) -> None:
    (good_bundle / "flows/chat/.env").write_text("A=1")
    (good_bundle / "flows/chat/.amlignore").write_text("__pycache__/\n.env\n")
    assert examine(good_bundle).findings == []


def test_identical_flow_files_name_each_other(good_bundle: Path) -> None:
    for name in ("flow.dag.yaml", "chat.py", "system.jinja2", "requirements.txt"):
        copy = good_bundle / "flows/copy" / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((good_bundle / "flows/chat" / name).read_bytes())
    (finding,) = examine(good_bundle).findings
    assert (finding.path, finding.line) == (good_bundle / "flows/copy/flow.dag.yaml", 1)
    assert "byte for byte flows/chat/flow.dag.yaml" in finding.message


def test_helpers_of_one_name_in_two_flows(good_bundle: Path) -> None:
    for flow, tool in (("evaluations/chat", "score.py"), ("flows/chat", "chat.py")):
        (good_bundle / flow / "helper.py").write_text("A = 1\n")
        path = good_bundle / flow / tool
        path.write_text(path.read_text().replace("\n\n\n@tool", "\nimport helper\n\n\n@tool"))
    (finding,) = examine(good_bundle).findings
    assert (finding.path, finding.line, finding.severity) == (good_bundle / "flows/chat/chat.py", 4, "error")
    assert "evaluations/chat has a helper module 'helper' too" in finding.message


def test_a_helper_of_the_flow_is_followed_too(good_bundle: Path) -> None:
    (good_bundle / "flows/chat/helper.py").write_text("import torch\n\nA = torch\n")
    tool = good_bundle / "flows/chat/chat.py"
    tool.write_text(tool.read_text().replace("\n\n\n@tool", "\nfrom helper import A\n\n\n@tool"))
    (finding,) = examine(good_bundle).findings
    assert "misses torch: flows/chat/helper.py:1 imports 'torch'" in finding.message


def test_a_node_with_variants_is_checked_in_each(good_bundle: Path) -> None:
    path = good_bundle / "flows/chat/flow.dag.yaml"
    text = path.read_text()
    node = text[text.index("- name: system") :].partition("- name: chat")[0]
    variants = (
        "node_variants:\n  system:\n    default_variant_id: one\n    variants:\n"
        "      one:\n        node:\n          type: prompt\n          source: {type: code, path: system.jinja2}\n"
        "          inputs: {a: '${inputs.question}'}\n"
        "      two:\n        node:\n          type: prompt\n          source: {type: code, path: other.jinja2}\n"
        "          inputs: {a: '${inputs.nothing}'}\n"
    )
    path.write_text(text.replace(node, "- name: system\n  use_variants: true\n") + variants)
    findings = examine(good_bundle).findings
    lines = path.read_text().splitlines()
    assert ["other.jinja2" in lines[finding.line - 1] for finding in findings] == [True, False]
    assert ["inputs.nothing" in lines[finding.line - 1] for finding in findings] == [False, True]


def test_an_installed_azure_ai_ml_that_is_too_new(good_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.33.0" if name == "azure-ai-ml" else real(name))
    (finding,) = examine(good_bundle).findings
    assert (finding.path, finding.line) == (Path(sys.prefix), 0)
    assert "azure-ai-ml 1.33.0 is installed" in finding.message
    monkeypatch.setattr(metadata, "version", lambda name: "1.32.0" if name == "azure-ai-ml" else real(name))
    assert examine(good_bundle).findings == []


def test_an_input_that_is_not_mapped_may_come_from_the_column_of_its_name(good_bundle: Path) -> None:
    run = good_bundle / "flows/chat/run.yaml"
    run.write_text(run.read_text().replace("  question: ${data.question}\n", ""))
    assert examine(good_bundle).findings == []


def test_tests_and_hidden_folders_are_not_the_bundle(good_bundle: Path) -> None:
    for folder in ("tests/broken", ".cache/broken"):
        (good_bundle / folder).mkdir(parents=True)
        (good_bundle / folder / "flow.dag.yaml").write_text("name: x\n")
    assert examine(good_bundle).findings == []


def test_yaml_that_holds_itself_is_no_endless_loop(good_bundle: Path) -> None:
    run = good_bundle / "flows/chat/run.yaml"
    run.write_text(run.read_text().replace("model: small", "model: &a [*a]"))
    assert examine(good_bundle).findings == []
