"""Requirements files as pip reads them, with lines; and what an installed distribution brings along."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class Line:
    """One requirement and where it stands."""

    requirement: Requirement
    path: Path
    line: int

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


def read_requirements(path: Path) -> list[Line]:
    """Requirements of a file and of the files it takes in with `-r`; options and links are left out."""
    lines: list[Line] = []
    _read(path, lines, set())
    return lines


def _read(path: Path, lines: list[Line], seen: set[Path]) -> None:
    if path in seen or not path.is_file():
        return
    seen.add(path)
    for number, text in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        text = re.sub(r"(^|\s)#.*", "", text).strip()
        if match := re.fullmatch(r"(?:-r|--requirement)[\s=]*(.+)", text):
            _read((path.parent / match[1]).resolve(), lines, seen)
        elif text and not text.startswith("-"):
            try:
                lines.append(Line(Requirement(text), path, number))
            except InvalidRequirement:
                continue


def brought_along(names: Iterable[str]) -> set[str]:
    """Distributions that these, as they are installed here, depend on, to any depth; canonical names."""
    waiting, brought = list(names), set[str]()
    while waiting:
        try:
            needs = metadata.requires(waiting.pop()) or []
        except metadata.PackageNotFoundError:
            continue
        for text in needs:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name not in brought and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                brought.add(name)
                waiting.append(name)
    return brought
