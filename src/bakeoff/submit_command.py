"""`bakeoff submit`: a flow and its evaluation as Azure batch runs."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import InputError

if TYPE_CHECKING:
    from bakeoff.hosts.submission.plan import RunPlan

OUTPUT = Path(".bakeoff/submissions")


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("submit", help="run a flow and its evaluation in Azure, and fetch rows and metrics")
    parser.add_argument("flow", type=Path, metavar="FLOW", help="a folder with flow.dag.yaml and run.azure.yaml")
    parser.add_argument("--data", type=Path, help="JSON Lines, or a folder of one with its images; default: run file's")
    parser.add_argument("--model", metavar="DEPLOYMENT", help="the flow's input `model`")
    parser.add_argument("--evaluate", action="store_true", help="score it by the evaluation flow of the same name")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent and what is wrong; no login")
    parser.add_argument("--again", action="store_true", help="run once more what is in Azure already")
    parser.add_argument("-s", "--subscription", metavar="ID", help="else AZUREML_ARM_SUBSCRIPTION, else config.json")
    parser.add_argument("-g", "--resource-group", metavar="NAME", help="else AZUREML_ARM_RESOURCEGROUP, ...")
    parser.add_argument("-w", "--workspace-name", metavar="NAME", help="else AZUREML_ARM_WORKSPACE_NAME, ...")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the verb; 0 went well, 1 a dry run found errors. Raises BakeoffError."""
    from bakeoff.hosts.submission.plan import plan_run

    flow = options.flow.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        plans = [plan_run(flow, Path(scratch), data=options.data, model=options.model)]
        if options.evaluate:
            evaluation = flow.parent.parent / "evaluations" / flow.name
            plans.append(plan_run(evaluation, Path(scratch), data=options.data, base=plans[0].name))
        errors = _show(plans, in_full=options.dry_run)
        if options.dry_run:
            return 1 if errors else 0
        if errors:
            raise InputError(f"nothing was sent: repair the {errors} error{'' if errors == 1 else 's'} above first")
        return _submit(options, plans)


def _show(plans: "Sequence[RunPlan]", *, in_full: bool) -> int:
    """Print what is wrong, before it what would be sent where that is asked for; how many errors there are."""
    from bakeoff.hosts.submission.checks import findings, shown
    from bakeoff.hosts.submission.preview import preview

    found = dict.fromkeys(finding for plan in plans for finding in findings(plan))
    for plan in plans if in_full else ():
        for line in preview(plan):
            _say(line)
    for finding in found:
        _say(shown(finding, Path.cwd()))
    errors = sum(finding.severity == "error" for finding in found)
    if in_full:
        _say(f"nothing was sent; {errors} errors, {len(found) - errors} warnings")
    return errors


def _submit(options: argparse.Namespace, plans: "Sequence[RunPlan]") -> int:
    from bakeoff.experiments.progress import shown_progress
    from bakeoff.hosts.submission.submit import submit
    from bakeoff.hosts.submission.workspace import connected, find_workspace
    from bakeoff.metrics.table import print_metrics

    given = {name: getattr(options, name) for name in ("subscription", "resource_group", "workspace_name")}
    workspace = find_workspace(given, Path.cwd())
    _say(f"workspace {workspace}")
    base, evaluation = plans[0], plans[1] if len(plans) > 1 else None
    with connected(workspace) as client, shown_progress(_say) as progress:
        done = submit(client, base, evaluation, options.output, again=options.again, say=_say, progress=progress)
    if done.failed:
        _say(f"{done.failed} of {done.rows} rows failed in the flow and count as missing: {done.folder / 'rows.jsonl'}")
    if done.metrics is not None:
        print_metrics(done.metrics)
    _say(f"answers: {done.folder / 'rows.jsonl'}")
    if done.metrics is not None:
        _say(f"scores:  {done.folder / 'scores.jsonl'}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
