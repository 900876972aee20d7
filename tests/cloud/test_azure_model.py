"""A local model that the workspace has: the compute of a batch run fetches it, with the snapshot's own code."""

import json
from pathlib import Path

import pytest
from loopback_cloud import Cloud
from tiny_phi3 import write_tiny_phi3

from bakeoff.catalog.sources import azureml
from bakeoff.errors import DownloadError

FOLDER = "azureml://datastores/workspaceblobstore/paths/models/tiny-phi3"


@pytest.fixture(scope="module")
def registered(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a tiny Phi-3 in the default datastore, registered as `tiny-phi3` version 1."""
    folder = write_tiny_phi3(tmp_path_factory.mktemp("models") / "tiny-phi3")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name, content in files.items():
        cloud.compute.container.upload_blob(f"models/tiny-phi3/{name}", content)
    cloud.plane.assets.versions["models/tiny-phi3/versions/1"] = {"modelUri": FOLDER}
    return files


def test_a_batch_run_fetches_a_registered_model(cloud: Cloud, registered: dict[str, bytes], tmp_path: Path) -> None:
    data = tmp_path / "chat.jsonl"
    data.write_text(json.dumps({"question": "Hi", "chat_history": []}) + "\n", encoding="utf-8")
    create = ("run", "create", "--file", "flows/chat/run.yaml", "--data", data, "--name", "registered_model")
    cache = ("--environment-variables", f"BAKEOFF_CACHE={tmp_path / 'cache'}")
    model = ("column_mapping.model=azureml:tiny-phi3:1", "column_mapping.max_new_tokens=3")
    cloud.pfazure(*create, *cache, "--set", *model)
    cloud.compute.wait()
    run = cloud.compute.runs["registered_model"]
    assert run.error == ""
    (line,) = run.lines
    assert line["output"]["completion"]["completion_tokens"] == 3, line["output"]
    (folder,) = (tmp_path / "cache" / "models").glob("azureml-tiny-phi3-1-*")
    assert {name: (folder / name).read_bytes() for name in registered} == registered


@pytest.mark.parametrize(
    ("address", "changes", "said"),
    [
        ("azureml:tiny-phi3:2", {}, "models/tiny-phi3/versions/2: it does not exist"),
        ("azureml:tiny-phi3", {}, "is no address of a model"),
        (f"{FOLDER}-other", {}, "there is no file below"),
        (FOLDER, {"AZUREML_ARM_WORKSPACE_NAME": ""}, "which Azure ML workspace has the model"),
        (FOLDER, {"AZURE_CLIENT_SECRET": "wrong"}, "not logged in to Azure"),
    ],
)
def test_what_keeps_a_model_from_being_fetched_is_named(
    cloud: Cloud,
    registered: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    changes: dict[str, str],
    said: str,
) -> None:
    for name, value in (cloud.compute.environment | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError, match=said) as raised:
        azureml.fetch(address, tmp_path / "model", print)
    assert cloud.plane.sas not in str(raised.value)
    cloud.plane.wrong.clear()
