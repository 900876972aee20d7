"""A benchmark's rows, from a folder of JSON Lines or parquet files or from the Hugging Face hub; stratified subsets."""

import hashlib
import json
import math
import os
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.benchmarks.items import Item
from bakeoff.errors import DownloadError, InputError

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """Where rows come from.

    names: the file in a folder is the first of `<name>.jsonl`, `<name>.parquet`, `<name>-*.parquet` that is there.
    repository, revision and file: the parquet file on the hub; empty where it is only taken from folders.
    columns: what every row must have.
    """

    names: tuple[str, ...]
    repository: str
    revision: str
    file: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """Rows and where they are from: the path of a file, or `hub:repository@revision/file`."""

    records: list[Record]
    origin: str

    @property
    def sha256(self) -> str:
        """Of the rows in canonical JSON: the same whatever file they lay in."""
        digest = hashlib.sha256()
        for record in self.records:
            digest.update(json.dumps(record, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()


def load_rows(source: Source, folder: Path | None) -> Rows:
    """The rows of a source, from `folder`, or from the hub where that is None.

    Raises InputError for a folder without such a file and for a malformed row (file and line), DownloadError where the
    hub gives nothing.
    """
    path = _on_hub(source) if folder is None else in_folder(source, folder)
    if path is None:
        raise InputError(f"{folder} has none of {', '.join(_patterns(source))}")
    records = _read_parquet(path) if path.suffix == ".parquet" else _read_json_lines(path)
    for number, record in enumerate(records, 1):
        missing = [column for column in source.columns if record.get(column) is None]
        if missing:
            raise InputError(f"{path}, row {number}: there is no {', '.join(missing)}; see `bakeoff benchmark list`")
    if not records:
        raise InputError(f"{path} has no rows")
    return Rows(
        records, str(path) if folder is not None else f"hub:{source.repository}@{source.revision}/{source.file}"
    )


def in_folder(source: Source, folder: Path) -> Path | None:
    """The source's file in a folder; None where it has none."""
    return next((path for pattern in _patterns(source) for path in sorted(folder.glob(pattern))), None)


def _patterns(source: Source) -> list[str]:
    return [pattern for name in source.names for pattern in (f"{name}.jsonl", f"{name}.parquet", f"{name}-*.parquet")]


def _on_hub(source: Source) -> Path:
    if not source.repository:
        raise InputError(f"{source.names[0]} is not fetched from the hub: give a folder with {source.names[0]}.jsonl")
    from huggingface_hub import hf_hub_download

    hub = os.environ.get("HF_ENDPOINT") or None
    try:
        return Path(
            hf_hub_download(source.repository, source.file, repo_type="dataset", revision=source.revision, endpoint=hub)
        )
    except Exception as error:  # the hub's, its HTTP library's and the file system's have no common base
        raise DownloadError(
            f"{source.repository}@{source.revision}/{source.file} cannot be fetched from the Hugging Face hub "
            f"({type(error).__name__}): check the network, or give a folder with --data"
        ) from error


def _read_json_lines(path: Path) -> list[Record]:
    records: list[Record] = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}, line {number}: not JSON ({error})") from error
            if not isinstance(record, dict):
                raise InputError(f"{path}, line {number}: not a JSON object")
            records.append(record)
    return records


def _read_parquet(path: Path) -> list[Record]:
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    try:
        records: list[Record] = parquet.read_table(path).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"{path} cannot be read as parquet: {error}") from error
    return records


def subset(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """`limit` of the items, of each stratum its share (largest remainders), drawn with the seed; in the old order.

    A stratum's draw depends on the seed and its name only. Units are taken whole: the last one may exceed the limit.
    All items where the limit is None or not below their number. Raises InputError for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"the limit is {limit}: it must be 1 or more")
    if limit is None or limit >= len(items):
        return list(items)
    strata: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, item in enumerate(items):
        strata[item.stratum][item.unit or item.id].append(index)
    sizes = Counter(item.stratum for item in items)
    shares = {stratum: limit * size / len(items) for stratum, size in sizes.items()}
    counts = {stratum: math.floor(share) for stratum, share in shares.items()}
    by_remainder = sorted(shares, key=lambda stratum: (counts[stratum] - shares[stratum], stratum))
    for stratum in by_remainder[: limit - sum(counts.values())]:
        counts[stratum] += 1
    chosen: list[int] = []
    for stratum, units in strata.items():
        wanted = len(chosen) + counts[stratum]
        for members in random.Random(f"{seed}:{stratum}").sample(list(units.values()), len(units)):
            if len(chosen) < wanted:
                chosen += members
    return [items[index] for index in sorted(chosen)]
