"""What is wrong with a planned run, found before it is sent: the doctor's checks, and what only an upload can break."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from bakeoff.finding import Finding, error, warning
from bakeoff.hosts.doctor import CHECKS, connections, experiments, row_ids
from bakeoff.hosts.doctor.bundle import Bundle, Run, read_bundle
from bakeoff.hosts.promptflow_data import COLUMN
from bakeoff.hosts.submission.plan import RunPlan
from bakeoff.hosts.submission.snapshot import total_size
from bakeoff.yaml_lines import mapping

LARGE = 100_000_000
SECRET_NAMES = (".env", ".env.local", ".env.production", "*.pem", "*.pfx", "*.p12", "id_rsa", "id_ed25519")


def findings(plan: RunPlan) -> list[Finding]:
    """Findings about the flow, its run and its data, in the order of files and lines; errors make it fail or lie."""
    folder = plan.flow.folder
    bundle = read_bundle(folder.parent.parent if folder.parent.name in ("flows", "evaluations") else folder)
    flow = next(flow for flow in bundle.flows if flow.folder == folder)
    run = Run(replace(plan.run_file, value=plan.run_file.value | plan.settings), flow, plan.data.table)
    together = [other for other in bundle.flows if other.folder.name == folder.name]
    bundle = replace(bundle, flows=together, runs=[run], tables={plan.data.table: plan.data.rows})
    found = {finding for finding in _doctor(bundle) if _concerns(finding, plan)}
    for check in (_secrets, _size, _images, _lost_comments, _no_ignore_file, _no_deployment):
        found.update(check(plan))
    return sorted(found)


def _doctor(bundle: Bundle) -> Iterator[Finding]:
    """The checks that concern it: rows without an id can be run, this machine's connections are not the workspace's,
    and experiments are not sent."""
    for subject in CHECKS:
        if subject not in (row_ids, connections, experiments):
            yield from subject.check(bundle)
    yield from connections.unknown_nodes(bundle)


def _concerns(finding: Finding, plan: RunPlan) -> bool:
    return finding.path.is_relative_to(plan.flow.folder) or finding.path == plan.data.table


def _secrets(plan: RunPlan) -> Iterator[Finding]:
    """Files that are called as secrets are; the doctor has seen the flow's own .env."""
    for files, root in ((plan.files, plan.flow.folder), (plan.data.files, plan.data.table.parent)):
        for file in files:
            if file.path != ".env" and any(PurePosixPath(file.path).match(name) for name in SECRET_NAMES):
                yield error(
                    root / file.path,
                    0,
                    "looks like a file of secrets and would be uploaded: move it away, or name it in .amlignore",
                )


def _size(plan: RunPlan) -> Iterator[Finding]:
    for files, path, remedy in (
        (plan.files, plan.flow.folder, "name what the flow does not need in .amlignore"),
        (plan.data.files, plan.data.source, "register it once as a data asset and name that in the run file"),
    ):
        if (size := total_size(files)) > LARGE:
            largest = max(files, key=lambda file: file.size)
            yield warning(
                path,
                0,
                f"{size / 1e6:,.0f} MB would be uploaded, {largest.path} alone {largest.size / 1e6:,.0f} MB: {remedy}",
            )


def _images(plan: RunPlan) -> Iterator[Finding]:
    """Files that rows give the flow by a path beside the table, and that are not uploaded with it."""
    folder = plan.data.table.parent
    columns = {match[1] for value in plan.column_mapping.values() if (match := COLUMN.fullmatch(str(value)))}
    columns |= {str(name) for name in plan.flow.inputs if name not in plan.column_mapping}
    sent = {(plan.data.source / file.path).resolve() for file in plan.data.files if plan.data.source.is_dir()}
    for row in plan.data.rows:
        for path in _image_paths({name: value for name, value in row.values.items() if name in columns}):
            if not (folder / path).is_file():
                yield error(plan.data.table, row.line, f"image {path} does not exist: correct the path")
            elif (folder / path).resolve() not in sent:
                yield error(
                    plan.data.table,
                    row.line,
                    f"image {path} would stay behind, because only the file of the rows is sent: name the folder "
                    f"({folder}) as the data",
                )


def _image_paths(values: Mapping[str, object]) -> Iterator[str]:
    """Prompt Flow's way to name an image file: `{"data:image/png;path": "images/a.png"}`, in lists too."""
    for value in values.values():
        for item in value if isinstance(value, list) else [value]:
            for kind, path in mapping(item).items():
                if str(kind).startswith("data:image/") and str(kind).endswith(";path"):
                    yield str(path)


def _lost_comments(plan: RunPlan) -> Iterator[Finding]:
    file = plan.flow.document.path
    declared = mapping(plan.flow.document.value.get("environment")).get("python_requirements_txt")
    if declared or plan.flow.includes or not (plan.flow.folder / "requirements.txt").is_file():
        return
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if line.lstrip().startswith("#") or " #" in line:
            yield warning(
                file,
                number,
                "`pfazure` would write the file anew, without its comments, because requirements.txt is not declared: "
                "add `environment: {python_requirements_txt: requirements.txt}`",
            )
            return


def _no_ignore_file(plan: RunPlan) -> Iterator[Finding]:
    if not any((plan.flow.folder / name).is_file() for name in (".amlignore", ".gitignore")):
        message = "there is no .amlignore: every file in the folder would be uploaded, logs and .env as well: add one"
        yield warning(plan.flow.folder, 0, message)


def _no_deployment(plan: RunPlan) -> Iterator[Finding]:
    if plan.settings.get("connections") and plan.column_mapping.get("model") == "":
        line = plan.run_file.line("column_mapping", "model")
        yield error(plan.run_file.path, line, "no deployment is named: give --model <your-deployment>")


def shown(finding: Finding, root: Path) -> str:
    """`file:line: severity: message`, the file as seen from `root`."""
    path = finding.path.relative_to(root) if finding.path.is_relative_to(root) else finding.path
    return f"{path}{f':{finding.line}' if finding.line else ''}: {finding.severity}: {finding.message}"
