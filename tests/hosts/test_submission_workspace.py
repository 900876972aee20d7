"""Which workspace is meant."""

import json
from pathlib import Path

import pytest

from bakeoff.errors import InputError
from bakeoff.hosts.submission.workspace import NAMES, Workspace, find_workspace

CONFIG = {"subscription_id": "file-s", "resource_group": "file-g", "workspace_name": "file-w"}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, variable, _ in NAMES.values():
        monkeypatch.delenv(variable, raising=False)


def test_options_win_over_the_environment_and_that_over_the_nearest_config_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "project" / "flows"
    here.mkdir(parents=True)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"workspace_name": "far"}), encoding="utf-8")
    (tmp_path / "project" / ".azureml").mkdir()
    (tmp_path / "project" / ".azureml" / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    assert find_workspace({}, here) == Workspace("file-s", "file-g", "file-w")
    monkeypatch.setenv("AZUREML_ARM_RESOURCEGROUP", "variable-g")
    monkeypatch.setenv("AZUREML_ARM_WORKSPACE_NAME", "variable-w")
    given = {"subscription": None, "resource_group": None, "workspace_name": "option-w"}
    assert find_workspace(given, here) == Workspace("file-s", "variable-g", "option-w")


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"subscription_id": "s"}), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"Missing: --resource-group \(or AZUREML_ARM_RESOURCEGROUP\), --workspace-name"
    ):
        find_workspace({}, tmp_path)


def test_a_config_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("subscription_id: s", encoding="utf-8")
    with pytest.raises(InputError, match=r"config\.json is not JSON"):
        find_workspace({}, tmp_path)
