"""azure-ai-ml 1.33 removed the REST clients that `promptflow.azure` (`pfazure`) of promptflow 1.18.5 imports."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle
from bakeoff.hosts.doctor.requirement_files import Line, read_requirements
from bakeoff.yaml_lines import mapping, sequence

FIRST_BROKEN = Version("1.33.0")
LATER = ("1.33.0", "1.33.1", "1.34.0", "1.35.0", "1.40.0", "1.99.0", "2.0.0", "3.0.0")
REMEDY = 'write "azure-ai-ml>=1.27,<1.33"'


def check(bundle: Bundle) -> Iterator[Finding]:
    """Requirements that let azure-ai-ml 1.33 or later in, and such a version installed beside this command."""
    for path in bundle.files:
        if path.name == "pyproject.toml":
            yield from _allowed(_pyproject(path))
        elif path.suffix == ".txt" and path.name.startswith(("requirements", "constraints")):
            yield from _allowed([line for line in read_requirements(path) if line.path == path])
    try:
        installed = metadata.version("azure-ai-ml")
    except metadata.PackageNotFoundError:
        return
    if Version(installed) >= FIRST_BROKEN:
        message = f"azure-ai-ml {installed} is installed and `pfazure` cannot run with it: "
        yield error(Path(sys.prefix), 0, message + 'run pip install "azure-ai-ml>=1.27,<1.33"')


def _allowed(lines: list[Line]) -> Iterator[Finding]:
    bounded = any(line.name == "azure-ai-ml" for line in lines)
    for line in lines:
        if line.name == "azure-ai-ml" and any(line.requirement.specifier.contains(version) for version in LATER):
            yield error(line.path, line.line, f"allows azure-ai-ml 1.33, with which `pfazure` cannot run: {REMEDY}")
        elif "azure" in line.requirement.extras and line.name == "promptflow" and not bounded:
            message = f"promptflow[azure] brings azure-ai-ml 1.33 or later: {REMEDY} beside it"
            yield error(line.path, line.line, message)


def _pyproject(path: Path) -> list[Line]:
    """Requirements of the project and its extras; the line is that of the same text in quotes."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        project = mapping(tomllib.loads(text).get("project"))
    except tomllib.TOMLDecodeError:
        return []
    extras = mapping(project.get("optional-dependencies")).values()
    groups = [sequence(group) for group in (project.get("dependencies"), *extras)]
    requirements = [str(requirement) for group in groups for requirement in group]
    lines = []
    for requirement in requirements:
        place = re.search(rf"[\"']{re.escape(requirement)}[\"']", text)
        try:
            lines.append(Line(Requirement(requirement), path, text.count("\n", 0, place.start()) + 1 if place else 1))
        except InvalidRequirement:
            continue
    return lines
