import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pandas
import pytest

from bakeoff.benchmarks.data import Source, load_rows, subset
from bakeoff.benchmarks.items import Item
from bakeoff.errors import DownloadError, InputError, NotSupportedError

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


def test_the_hub_is_asked_for_the_pinned_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(repository: str, file: str, **options: str) -> str:
        asked.append((repository, file, options))
        return str(tmp_path / "test.parquet")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    frame = pandas.DataFrame({"question": ["a"], "choices": [["b", "c"]]})
    monkeypatch.setattr(pandas, "read_parquet", lambda path: frame)
    rows = load_rows(SOURCE, None)
    assert rows.records == [{"question": "a", "choices": ["b", "c"]}]
    assert rows.origin == f"hub:someone/questions@{'0' * 40}/all/test.parquet"
    assert asked == [("someone/questions", "all/test.parquet", {"repo_type": "dataset", "revision": "0" * 40})]


def test_no_hub_is_a_download_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*arguments: str, **options: str) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(DownloadError, match="give a folder with --data"):
        load_rows(SOURCE, None)


def test_parquet_without_pyarrow_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_parquet(path: Path) -> None:
        raise ImportError("no engine")

    (tmp_path / "test.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(read_parquet=read_parquet))
    with pytest.raises(NotSupportedError, match="install pyarrow"):
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
