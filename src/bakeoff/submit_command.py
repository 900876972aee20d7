"""`bakeoff submit`: a flow and its evaluation as Azure batch runs."""

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import InputError
from bakeoff.terminal import say

if TYPE_CHECKING:
    from bakeoff.hosts.submission.pipeline import PipelinePlan
    from bakeoff.hosts.submission.plan import RunPlan

OUTPUT = Path(".bakeoff/submissions")
REMOTE = "azureml:"
SCALE: tuple[tuple[str, type, str], ...] = (
    ("compute", str, "the cluster of the workspace that runs it"),
    ("nodes", int, "machines of it for each parallel step; default: 2"),
    ("concurrency", int, "processes a machine; default: 2"),
    ("mini_batch", int, "rows that a process takes at a time; default: 100"),
    ("retries", int, "times that a mini-batch is tried again; default: 3"),
    ("timeout", int, "seconds for a mini-batch; default: 600"),
    ("error_threshold", int, "failed rows that stop it; default: -1, never"),
)


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("submit", help="run a flow and its evaluation in Azure, and fetch rows and metrics")
    parser.add_argument("flow", type=Path, metavar="FLOW", help="a folder with flow.dag.yaml and run.azure.yaml")
    parser.add_argument("--data", help="JSON Lines, or a folder of one with its images; default: run file's")
    parser.add_argument("--model", metavar="DEPLOYMENT", help="the flow's input `model`")
    parser.add_argument("--evaluate", action="store_true", help="score it by the evaluation flow of the same name")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent and what is wrong; no login")
    parser.add_argument("--again", action="store_true", help="run once more what is in Azure already")
    parser.add_argument("-s", "--subscription", metavar="ID", help="else AZUREML_ARM_SUBSCRIPTION, else config.json")
    parser.add_argument("-g", "--resource-group", metavar="NAME", help="else AZUREML_ARM_RESOURCEGROUP, ...")
    parser.add_argument("-w", "--workspace-name", metavar="NAME", help="else AZUREML_ARM_WORKSPACE_NAME, ...")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help="default: %(default)s")
    scale = parser.add_argument_group("--scale: an Azure ML pipeline of parallel steps, for data of any size")
    scale.add_argument("--scale", action="store_true", help="--data may be azureml:NAME:VERSION or azureml://... too")
    for name, kind, help_text in SCALE:
        scale.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=kind.__name__.upper(), help=help_text)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the verb; 0 went well, 1 a dry run found errors. Raises BakeoffError."""
    from bakeoff.hosts.submission.plan import plan_run

    spread, remote = _spread(options), None
    if spread and str(options.data).startswith(REMOTE):
        remote, options.data = options.data, None
    data = Path(options.data) if options.data else None
    flow = options.flow.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        plans = [plan_run(flow, Path(scratch), data=data, model=options.model)]
        if options.evaluate:
            evaluation = flow.parent.parent / "evaluations" / flow.name
            plans.append(plan_run(evaluation, Path(scratch), data=data, base=plans[0].name))
        found = _show(plans, in_full=options.dry_run)
        errors = found["error"]
        if errors and not options.dry_run:
            raise InputError(f"nothing was sent: repair the {errors} error{'' if errors == 1 else 's'} above first")
        pipeline = _pipeline(plans, remote, spread, Path(scratch)) if spread else None
        if options.dry_run:
            if pipeline:
                _show_pipeline(*pipeline)
            say(f"nothing was sent; {errors} errors, {found['warning']} warnings")
            return 1 if errors else 0
        return _submit(options, plans, pipeline)


def _spread(options: argparse.Namespace) -> dict[str, Any] | None:
    """The values of the options that go with --scale; None without it."""
    given = {name: value for name, _, _ in SCALE if (value := getattr(options, name)) is not None}
    if not options.scale:
        if given:
            raise InputError(f"--{next(iter(given)).replace('_', '-')} goes with --scale only")
        return None
    if "compute" not in given:
        raise InputError("--scale needs --compute: the name of a compute cluster in the workspace")
    for name in ("nodes", "concurrency", "mini_batch", "timeout"):
        if given.get(name, 1) < 1:
            raise InputError(f"--{name.replace('_', '-')} is {given[name]}: it must be 1 or more")
    return given


def _pipeline(
    plans: "Sequence[RunPlan]", remote: str | None, spread: dict[str, Any], scratch: Path
) -> "tuple[PipelinePlan, dict[str, Any]]":
    from bakeoff.hosts.submission.pipeline import PipelinePlan, Scale, components

    data = remote or str(plans[0].data.source)
    plan = PipelinePlan(plans[0], plans[1] if len(plans) > 1 else None, data, Scale(**spread))
    return plan, components(plan, scratch / "components")


def _show_pipeline(plan: "PipelinePlan", made: dict[str, Any]) -> None:
    """Print the pipeline as azure-ai-ml has it; raises InputError where that finds fault with it."""
    from bakeoff.hosts.submission.pipeline import checked

    say(f"pipeline {plan.name}: {' -> '.join(plan.steps)}")
    say(checked(plan, made))


def _show(plans: "Sequence[RunPlan]", *, in_full: bool) -> Counter[str]:
    """Print what is wrong, before it what would be sent where that is asked for; how often each severity."""
    from bakeoff.hosts.submission.checks import findings, shown
    from bakeoff.hosts.submission.preview import preview

    found = dict.fromkeys(finding for plan in plans for finding in findings(plan))
    for plan in plans if in_full else ():
        for line in preview(plan):
            say(line)
    for finding in found:
        say(shown(finding, Path.cwd()))
    return Counter(finding.severity for finding in found)


def _submit(
    options: argparse.Namespace,
    plans: "Sequence[RunPlan]",
    pipeline: "tuple[PipelinePlan, dict[str, Any]] | None",
) -> int:
    from bakeoff.experiments.progress import shown_progress
    from bakeoff.hosts.submission.pipeline_run import submit_pipeline
    from bakeoff.hosts.submission.submit import submit
    from bakeoff.hosts.submission.workspace import connected, find_workspace
    from bakeoff.metrics.table import print_metrics

    given = {name: getattr(options, name) for name in ("subscription", "resource_group", "workspace_name")}
    workspace = find_workspace(given, Path.cwd())
    say(f"workspace {workspace}")
    base, evaluation = plans[0], plans[1] if len(plans) > 1 else None
    with connected(workspace) as client, shown_progress(say) as progress:
        more: dict[str, Any] = {"again": options.again, "say": say, "progress": progress}
        if pipeline:
            done = submit_pipeline(client, *pipeline, options.output, **more)
        else:
            done = submit(client, base, evaluation, options.output, **more)
    if done.failed:
        say(f"{done.failed} of {done.rows} rows failed in the flow and count as missing: {done.folder / 'rows.jsonl'}")
    if done.metrics is not None:
        print_metrics(done.metrics)
    say(f"answers: {done.folder / 'rows.jsonl'}")
    if done.metrics is not None:
        say(f"scores:  {done.folder / 'scores.jsonl'}")
    return 0
