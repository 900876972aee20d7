"""An environment with nothing but a list of requirements and what these need, made of files that are installed here.

It takes a second where pip takes a minute; tests/flows/test_snapshots.py installs the longest list with pip as well.
"""

import sys
import venv
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def clean_environment(folder: Path, requirements: Iterable[str]) -> Path:
    """The Python of a new virtual environment; raises where a requirement is not installed here in that version."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for distribution in _needed(requirements):
        for file in distribution.files or ():
            # A folder that no other distribution shares is linked as a whole.
            part = Path(file.parts[0]) if len(_owners()[file.parts[0]]) == 1 else file
            target = packages / part
            if ".." not in file.parts and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(str(distribution.locate_file(part))))
    return folder / "bin" / Path(sys.executable).name


@cache
def _owners() -> dict[str, set[str]]:
    """Top folder or file in site-packages -> the installed distributions that have something in it."""
    owners = defaultdict[str, set[str]](set)
    for distribution in metadata.distributions():
        name = distribution.name
        for file in distribution.files or ():
            owners[file.parts[0]].add(name)
    return owners


def _needed(requirements: Iterable[str]) -> list[metadata.Distribution]:
    """The installed distributions of these requirements, to any depth, extras included."""
    waiting = [(Requirement(text), "") for text in requirements]
    found: dict[str, metadata.Distribution] = {}
    seen = set()
    while waiting:
        requirement, extra = waiting.pop()
        if (requirement.marker and not requirement.marker.evaluate({"extra": extra})) or (requirement, extra) in seen:
            continue
        seen.add((requirement, extra))
        distribution = metadata.distribution(requirement.name)
        if not requirement.specifier.contains(distribution.version, prereleases=True):
            raise ValueError(f"{requirement} is required and {distribution.version} is installed")
        found[canonicalize_name(requirement.name)] = distribution
        for text in distribution.requires or ():
            waiting += [(Requirement(text), wanted) for wanted in ("", *requirement.extras)]
    return list(found.values())
