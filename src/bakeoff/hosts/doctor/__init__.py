"""`bakeoff doctor`: a static check of a whole Prompt Flow bundle before anything runs. Runs nothing, imports no flow.

A check is a module with `check(bundle)`, which yields findings. None of them needs Prompt Flow itself.
"""

from pathlib import Path

from bakeoff.hosts.doctor import (
    azure_ai_ml,
    chat_history,
    clashes,
    connections,
    deployments,
    experiments,
    flow_fields,
    leaks,
    mappings,
    references,
    requirements,
    row_ids,
    secret_strings,
    sources,
    tool_arguments,
)
from bakeoff.hosts.doctor.bundle import read_bundle
from bakeoff.hosts.doctor.report import Report

CHECKS = (
    flow_fields,
    references,
    sources,
    tool_arguments,
    chat_history,
    mappings,
    connections,
    deployments,
    experiments,
    clashes,
    requirements,
    azure_ai_ml,
    row_ids,
    leaks,
    secret_strings,
)


def examine(folder: Path) -> Report:
    """Check the bundle in that folder (or one flow of it); raises InputError where there is no flow."""
    bundle = read_bundle(folder)
    findings = set(bundle.unreadable)
    for subject in CHECKS:
        findings.update(subject.check(bundle))
    return Report(bundle, sorted(findings), connections.not_checked(bundle))
