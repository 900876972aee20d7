"""What a submission would send, in words."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from bakeoff.catalog.progress import format_size
from bakeoff.hosts.doctor.requirement_files import read_requirements
from bakeoff.hosts.submission.plan import RunPlan
from bakeoff.hosts.submission.snapshot import SentFile, content_digest, total_size
from bakeoff.yaml_lines import mapping


def preview(plan: RunPlan) -> Iterator[str]:
    """Lines: the run's name, every file with its size, data, column mapping, connections, settings, requirements."""
    yield f"run {plan.name}" + (f", evaluates {plan.base}" if plan.base else "")
    yield f"  flow {plan.flow.folder}: {_summary(plan.files)}"
    yield from _listed(plan.files)
    yield f"  data {plan.data.source}: {len(plan.data.rows)} rows in {_summary(plan.data.files)}"
    yield from _listed(plan.data.files)
    for title, values in _settings(plan):
        yield f"  {title}"
        yield from (f"    {name}: {value}" for name, value in values.items())
    yield "  requirements (pinned by the environment that the cloud builds; the version here in brackets)"
    declared = mapping(plan.flow.document.value.get("environment")).get("python_requirements_txt")
    for line in read_requirements(plan.snapshot / str(declared)) if declared else []:
        yield f"    {line.requirement} [{_installed(line.name)}]"


def _settings(plan: RunPlan) -> Iterator[tuple[str, dict[str, object]]]:
    yield "column mapping", {name: repr(value) for name, value in plan.column_mapping.items()}
    connections = mapping(plan.settings.get("connections"))
    given = {f"{node}.{name}": value for node, values in connections.items() for name, value in mapping(values).items()}
    yield "connections", given or {"none": "local models"}
    for title, value in plan.settings.items():
        if title not in ("column_mapping", "connections"):
            yield title.replace("_", " "), mapping(value) or {title: value}


def _listed(files: list[SentFile]) -> Iterator[str]:
    yield from (f"    {file.size:>12,}  {file.path}" for file in files)


def _summary(files: list[SentFile]) -> str:
    number = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    return f"{number}, {format_size(total_size(files))}, sha256 {content_digest(files)}"


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
