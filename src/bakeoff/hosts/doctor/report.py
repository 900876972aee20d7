"""What the doctor says."""

from collections.abc import Iterator
from dataclasses import dataclass

from bakeoff.finding import Finding
from bakeoff.hosts.doctor.bundle import Bundle


@dataclass(frozen=True)
class Report:
    """Findings in the order of files and lines, and in words what could not be checked."""

    bundle: Bundle
    findings: list[Finding]
    not_checked: list[str]

    @property
    def errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """One line a finding (`file:line: severity: message`, file from the bundle's folder), then a summary."""
        for finding in self.findings:
            place = self.bundle.shown(finding.path) + (f":{finding.line}" if finding.line else "")
            yield f"{place}: {finding.severity}: {finding.message}"
        yield from self.not_checked
        parts = [
            (len(self.bundle.flows), "flow"),
            (len(self.bundle.runs), "run file"),
            (len(self.bundle.tables), "data file"),
            (len(self.bundle.experiments), "experiment"),
        ]
        checked = ", ".join(_count(number, name) for number, name in parts)
        warnings = len(self.findings) - self.errors
        yield f"{_count(self.errors, 'error')}, {_count(warnings, 'warning')} in {checked}"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
