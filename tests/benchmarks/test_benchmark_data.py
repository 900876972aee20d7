import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pyarrow
import pytest
from fake_hub import FIRST, REPO, SECOND, FakeHub, serve
from huggingface_hub import constants
from pyarrow import parquet

from bakeoff.benchmarks.data import Source, load_rows, subset
from bakeoff.benchmarks.items import Item
from bakeoff.errors import DownloadError, InputError

SOURCE = Source(("test", "validation"), "someone/questions", "0" * 40, "all/test.parquet", ("question",))


def items(**sizes: int) -> list[Item]:
    return [Item(f"{s}{i}", s, "p", (), None) for s, size in sizes.items() for i in range(size)]


def test_the_first_file_there_is_is_read(tmp_path: Path) -> None:
    (tmp_path / "validation.jsonl").write_text('{"question": "v"}\n\n{"question": "w"}\n')
    rows = load_rows(SOURCE, tmp_path)
    assert rows.records == [{"question": "v"}, {"question": "w"}]
    assert rows.origin == str(tmp_path / "validation.jsonl")
    (tmp_path / "test.jsonl").write_text('{"question": "t"}\n')
    assert load_rows(SOURCE, tmp_path).records == [{"question": "t"}]


def test_the_hash_is_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"question": "é", "n": 1}\n')
    first = load_rows(SOURCE, tmp_path).sha256
    (tmp_path / "test.jsonl").write_text(json.dumps({"n": 1, "question": "é"}))
    assert load_rows(SOURCE, tmp_path).sha256 == first
    (tmp_path / "test.jsonl").write_text('{"question": "é", "n": 2}\n')
    assert load_rows(SOURCE, tmp_path).sha256 != first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"question": "a"}\nnot json\n', "line 2: not JSON"),
        ('["a"]\n', "line 1: not a JSON object"),
        ('{"question": "a"}\n{"answer": 1}\n', "row 2: there is no question"),
        ("", "has no rows"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "test.jsonl").write_text(content)
    with pytest.raises(InputError, match=message):
        load_rows(SOURCE, tmp_path)


def test_a_folder_without_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of test\.jsonl, test\.parquet"):
        load_rows(SOURCE, tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub with one data set at its first commit, and an empty cache."""
    table = pyarrow.Table.from_pylist([{"question": "a", "choices": ["b", "c"], "score": 0.12345678901234567}])
    parquet.write_table(table, tmp_path / "made.parquet")
    made = (tmp_path / "made.parquet").read_bytes()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with serve(FakeHub({FIRST: {"all/test.parquet": made}}, main=SECOND)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_the_pinned_file_comes_from_the_hub(hub: FakeHub) -> None:
    source = replace(SOURCE, repository=REPO, revision=FIRST)
    rows = load_rows(source, None)
    assert rows.records == [{"question": "a", "choices": ["b", "c"], "score": 0.12345678901234567}]
    assert rows.origin == f"hub:{REPO}@{FIRST}/all/test.parquet"
    assert hub.fetched() == ["test.parquet"]
    assert load_rows(source, None) == rows
    assert hub.fetched() == ["test.parquet"]


def test_a_revision_that_the_hub_does_not_have(hub: FakeHub) -> None:
    with pytest.raises(DownloadError, match=f"{REPO}@{SECOND}.*RevisionNotFoundError"):
        load_rows(replace(SOURCE, repository=REPO, revision=SECOND), None)


def test_no_hub_is_a_download_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*arguments: str, **options: str) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(DownloadError, match="give a folder with --data"):
        load_rows(SOURCE, None)


def test_parquet_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "test.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        load_rows(SOURCE, tmp_path)


def test_a_subset_gives_each_stratum_its_share_by_largest_remainder() -> None:
    """10 of 60, 30 and 11 of 101: 5.94, 2.97 and 1.09."""
    chosen = subset(items(a=60, b=30, c=11), 10, seed=0)
    assert Counter(item.stratum for item in chosen) == {"a": 6, "b": 3, "c": 1}


def test_a_subset_depends_on_the_seed_and_keeps_the_order() -> None:
    everything = items(a=60, b=40)
    first = subset(everything, 20, seed=0)
    assert first == subset(everything, 20, seed=0) != subset(everything, 20, seed=1)
    positions = [everything.index(item) for item in first]
    assert positions == sorted(set(positions))


def test_no_limit_or_a_large_one_is_everything() -> None:
    assert subset(items(a=3), None, 0) == subset(items(a=3), 3, 0) == subset(items(a=3), 9, 0) == items(a=3)
    with pytest.raises(InputError, match="limit is 0"):
        subset(items(a=3), 0, 0)
