"""Fetch a folder of a Hugging Face repository at one commit, file by file, each checked against the hub's hash.

`huggingface_hub.snapshot_download` (2.4) throws a half-downloaded file away when its process ends, and the weights are
one file of gigabytes; so the listing and the transfer are the library's own, and the partial file is kept here.
"""

import hashlib
import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bakeoff.catalog.entries import HubSource
from bakeoff.catalog.manifest import FileRecord, record
from bakeoff.catalog.progress import Report, format_size, watch
from bakeoff.catalog.sources import Fetched
from bakeoff.errors import DownloadError, ModelCorruptError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import HfApi, RepoFile


def fetch(source: HubSource, recorded: str | None, downloads: Path, report: Report) -> Fetched:
    """Download the folder at the source's revision, else at `recorded`, else at the commit `main` has now.

    What an interrupted pull of the same commit left is continued. Environment: HF_ENDPOINT (another hub), HF_TOKEN.
    Raises DownloadError (no network, no such repository, commit or folder, access refused) and ModelCorruptError
    where a file is not what the hub lists for that commit; such a file is removed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.errors import HTTPError as AnyHttpError  # type: ignore[attr-defined]  # of its HTTP client
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="bakeoff")
    revision = source.revision or recorded
    page = f"{api.endpoint}/{source.repo}"
    try:
        commit = str(api.model_info(source.repo, revision=revision or "main").sha)
        listed = _list(api, source, commit)
        target = downloads / commit
        _forget_other_commits(downloads, commit)
        _download(api, source.repo, commit, listed, target, report)
    except GatedRepoError as error:
        raise DownloadError(
            f"{page} is open only to people who accepted its terms: accept them there, then run `hf auth login` or set"
            " HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise DownloadError(f"{page} has no commit {revision or 'main'}") from error
    except (AnyHttpError, OSError) as error:
        answer = getattr(error, "response", None)
        if isinstance(error, RepositoryNotFoundError) or (answer is not None and answer.status_code in (401, 403)):
            advice = "does not exist, or is private: then run `hf auth login` or set HF_TOKEN"
            raise DownloadError(f"{page} {advice}") from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DownloadError(f"{page} could not be fetched: {reason}") from error
    return Fetched(target, _verify(listed, target, page), commit)


def _list(api: "HfApi", source: HubSource, commit: str) -> dict[str, "RepoFile"]:
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(source.repo, source.folder, recursive=True, revision=commit)
    files = {item.path.removeprefix(f"{source.folder}/"): item for item in tree if isinstance(item, RepoFile)}
    if not files:
        raise DownloadError(f"{api.endpoint}/{source.repo} has no files in {source.folder} at {commit}")
    if bad := [name for name in files if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]:
        raise DownloadError(f"{api.endpoint}/{source.repo} lists files outside its folder: {', '.join(bad)}")
    return files


def _download(
    api: "HfApi", repo: str, commit: str, listed: dict[str, "RepoFile"], target: Path, report: Report
) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    total = sum(item.size for item in listed.values())
    target.mkdir(parents=True, exist_ok=True)
    report(f"downloading {len(listed)} files ({format_size(total)}) of {repo} at {commit[:12]}")
    headers = {**build_hf_headers(library_name="bakeoff"), "Accept-Encoding": "identity"}
    # On a terminal the library draws its own bar for every file.
    lines = nullcontext() if sys.stderr.isatty() else watch(target, total, repo, report)
    with lines:
        for name, item in sorted(listed.items(), key=lambda pair: pair[1].size):
            path = target / name
            if path.is_file():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            if part.is_file() and part.stat().st_size > item.size:
                part.unlink()
            with part.open("ab") as stream:
                if at := stream.tell():
                    report(f"continuing {name} at {format_size(at)}")
                url = hf_hub_url(repo, item.path, revision=commit, endpoint=api.endpoint)
                http_get(
                    url, stream, resume_size=at, headers=headers, expected_size=item.size, displayed_filename=path.name
                )
            part.replace(path)


def _verify(listed: dict[str, "RepoFile"], target: Path, page: str) -> dict[str, FileRecord]:
    records = {name: record(target / name) for name in listed}
    damaged = [name for name, item in listed.items() if not _matches(item, target / name, records[name])]
    for name in damaged:
        (target / name).unlink()
    if damaged:
        raise ModelCorruptError(
            f"damaged on the way from {page}: {', '.join(damaged)} (the hub lists other hashes); pull again, only"
            " these files are fetched anew"
        )
    return records


def _matches(item: "RepoFile", path: Path, found: FileRecord) -> bool:
    """Large files carry a sha256; small ones are Git blobs, whose id is the SHA-1 of a header and the content."""
    if found.size != item.size:
        return False
    if item.lfs is not None:
        return found.sha256 == item.lfs.sha256
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == item.blob_id


def _forget_other_commits(downloads: Path, commit: str) -> None:
    for folder in downloads.iterdir() if downloads.is_dir() else ():
        if folder.name != commit:
            shutil.rmtree(folder)
