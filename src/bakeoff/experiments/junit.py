"""The gates as a JUnit XML report: one suite a task, one case a gate."""

import re
from xml.etree import ElementTree

from bakeoff.experiments.result import ExperimentResult

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(result: ExperimentResult) -> str:
    """A failed gate is a failure; the verdict is the suite's output. A suite without gates has no cases."""
    gates = [gate for task in result.tasks for gate in task.gates]
    root = ElementTree.Element("testsuites", _counts(len(gates), sum(not gate.passed for gate in gates)))
    for task in result.tasks:
        failures = sum(not gate.passed for gate in task.gates)
        name = _xml(f"{result.experiment}.{task.name}")
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, **_counts(len(task.gates), failures)})
        for gate in task.gates:
            label = _xml(f"{gate.contender}: {gate.gate}")
            case = ElementTree.SubElement(suite, "testcase", {"classname": name, "name": label})
            if not gate.passed:
                ElementTree.SubElement(case, "failure", {"message": _xml(gate.message)})
        ElementTree.SubElement(suite, "system-out").text = _xml(task.verdict.sentence)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(tests: int, failures: int) -> dict[str, str]:
    return {"tests": str(tests), "failures": str(failures), "errors": "0"}


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
