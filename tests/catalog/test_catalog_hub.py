"""Pulling from a hub, on the loopback."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from catalog_helpers import genai_files
from fake_hub import FIRST, REPO, SECOND, FakeHub, serve

from bakeoff.catalog import cache, ensure, find, manifest, pull, state, verify
from bakeoff.errors import DownloadError, ModelNotFoundError

FOLDER = "cpu_and_mobile/int4"
WEIGHTS = bytes(range(256)) * 2000


def repository(text: str) -> dict[str, bytes]:
    files = {f"{FOLDER}/{name}": data for name, data in genai_files(text).items()}
    return {**files, f"{FOLDER}/model.onnx.data": WEIGHTS, "README.md": b"not wanted", "cuda/model.onnx": b"neither"}


@pytest.fixture
def hub(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serve(FakeHub({FIRST: repository("one"), SECOND: repository("two")})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def variant(revision: str | None = None, **fields: Any) -> dict[str, Any]:
    source = {"kind": "hub", "repo": REPO, "folder": FOLDER}
    return {"sources": [source | ({"revision": revision} if revision else {})], **fields}


def test_the_folder_is_fetched_at_its_commit_and_nothing_else(use_catalog: Callable[..., Path], hub: FakeHub) -> None:
    use_catalog(tiny={"cpu": variant(FIRST)})
    hub.main = SECOND
    lines: list[str] = []
    folder = pull("tiny", report=lines.append)
    assert sorted(p.name for p in folder.iterdir()) == sorted([*genai_files(), "model.onnx.data", "bakeoff.json"])
    assert (folder / "model.onnx").read_bytes() == b"graph one"
    found = manifest.read(folder)
    assert (found.source, found.revision) == (f"hub {REPO}/{FOLDER}", FIRST)
    assert verify("tiny") == []
    assert f"downloading 4 files (512 kB) of {REPO} at {FIRST[:12]}" in lines
    assert not any(method == "HEAD" or path.endswith("README.md") for method, path, _ in hub.requests)


def test_a_compute_that_starts_empty_may_pull_what_a_flow_asks_for(
    use_catalog: Callable[..., Path], hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_catalog(tiny={"cpu": variant(FIRST)})
    with pytest.raises(ModelNotFoundError):
        ensure("tiny")
    monkeypatch.setenv("BAKEOFF_PULL", "1")
    assert (ensure("tiny") / "model.onnx").read_bytes() == b"graph one"


def test_an_interrupted_transfer_goes_on_where_it_stopped(
    use_catalog: Callable[..., Path], hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 50_000)
    use_catalog(tiny={"cpu": variant(FIRST)})
    hub.drop_after = 200_000
    with pytest.raises(DownloadError, match=f"{REPO} could not be fetched"):
        pull("tiny")
    assert state(find("tiny")) == "not pulled"
    hub.drop_after, hub.dropped = None, set()
    hub.requests.clear()
    lines: list[str] = []
    folder = pull("tiny", report=lines.append)
    assert (folder / "model.onnx.data").read_bytes() == WEIGHTS
    assert verify("tiny") == []
    assert "continuing model.onnx.data at 200 kB" in lines
    assert [asked for *_, asked in hub.requests if asked] == ["bytes=200000-"]
    assert hub.fetched() == ["model.onnx.data"]


@pytest.mark.parametrize("name", ["model.onnx.data", "tokenizer.json"])
def test_a_file_damaged_on_the_way_is_refused_and_fetched_anew(
    name: str, use_catalog: Callable[..., Path], hub: FakeHub
) -> None:
    use_catalog(tiny={"cpu": variant(FIRST)})
    hub.corrupt.add(f"{FOLDER}/{name}")
    with pytest.raises(DownloadError, match=f"damaged on the way from .*: {name} "):
        pull("tiny")
    assert state(find("tiny")) == "not pulled"
    hub.corrupt.clear()
    hub.requests.clear()
    pull("tiny")
    assert hub.fetched() == [name]
    assert verify("tiny") == []


def test_a_hub_that_lists_other_bytes_than_the_catalog_names_is_refused(
    use_catalog: Callable[..., Path], hub: FakeHub
) -> None:
    known = {"model.onnx": {"sha256": hashlib.sha256(b"graph zero").hexdigest()}}
    use_catalog(tiny={"cpu": variant(FIRST, files=known)})
    with pytest.raises(DownloadError, match=r"not the right bytes: model\.onnx is 9 bytes.*the catalog says"):
        pull("tiny")
    assert state(find("tiny")) == "not pulled"


def test_without_a_revision_the_first_pull_binds_the_next(use_catalog: Callable[..., Path], hub: FakeHub) -> None:
    use_catalog(tiny={"cpu": variant()})
    assert not find("tiny").variant.pinned
    folder = pull("tiny")
    assert manifest.read(folder).revision == FIRST
    hub.main = SECOND
    (folder / "model.onnx").unlink()
    pull("tiny")
    assert (folder / "model.onnx").read_bytes() == b"graph one"
    assert manifest.read(folder).revision == FIRST


def test_a_hub_that_rewrote_the_commit_of_the_first_pull_is_refused(
    use_catalog: Callable[..., Path], hub: FakeHub
) -> None:
    use_catalog(tiny={"cpu": variant()})
    folder = pull("tiny")
    hub.commits[FIRST] = repository("changed")
    (folder / "model.onnx").unlink()
    with pytest.raises(DownloadError, match=r"model\.onnx is .*the first pull recorded"):
        pull("tiny")


def test_a_new_pinned_revision_replaces_the_old_one(use_catalog: Callable[..., Path], hub: FakeHub) -> None:
    use_catalog(tiny={"cpu": variant(FIRST)})
    folder = pull("tiny")
    use_catalog(tiny={"cpu": variant(SECOND)})
    assert state(find("tiny")) == "outdated"
    pull("tiny")
    assert (folder / "model.onnx").read_bytes() == b"graph two"


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        ((401, "GatedRepo"), "is open only to people who accepted its terms.*hf auth login"),
        ((403, "GatedRepo"), "is open only to people who accepted its terms.*hf auth login"),
        ((401, ""), "does not exist, or is private.*HF_TOKEN"),
        ((403, ""), "does not exist, or is private.*HF_TOKEN"),
        ((404, "RepoNotFound"), "does not exist, or is private"),
        ((404, "RevisionNotFound"), f"has no commit {FIRST}"),
        ((404, "EntryNotFound"), "could not be fetched: 404"),
    ],
)
def test_refusals_are_explained(
    refuse: tuple[int, str], message: str, use_catalog: Callable[..., Path], hub: FakeHub
) -> None:
    use_catalog(tiny={"cpu": variant(FIRST)})
    hub.refuse = refuse
    with pytest.raises(DownloadError, match=f"{REPO} {message}"):
        pull("tiny")


def test_a_commit_that_is_not_there(use_catalog: Callable[..., Path], hub: FakeHub) -> None:
    use_catalog(tiny={"cpu": variant("3" * 40)})
    with pytest.raises(DownloadError, match="has no commit 3333"):
        pull("tiny")


def test_a_hub_out_of_reach(
    use_catalog: Callable[..., Path], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(FakeHub({})) as closed:
        monkeypatch.setenv("HF_ENDPOINT", closed.url)
    use_catalog(tiny={"cpu": variant(FIRST)})
    with pytest.raises(DownloadError, match=f"{closed.url}/{REPO} could not be fetched: .*refused"):
        pull("tiny")
    assert not cache.folder_of("tiny").exists()
