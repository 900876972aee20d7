"""What an experiment file cannot say: each finding by the keys of the place, and a message."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import ValidationError

from bakeoff.serving.shared_address import WORKERS
from bakeoff.yaml_lines import Keys

if TYPE_CHECKING:
    from bakeoff.experiments.definition import Task

_OUTPUT = re.compile(r"\$\{run\.outputs\.([^.}]+)")


def schema_messages(problem: ValidationError) -> Iterator[tuple[Keys, str]]:
    """What schema.json refuses, in words for the file's author."""
    keys: Keys = tuple(problem.absolute_path)
    if problem.validator == "additionalProperties":
        known = list(problem.schema["properties"])
        for name in problem.instance:
            if name not in known:
                yield (*keys, str(name)), f"there is no such field{meant(str(name), known)}"
    elif problem.validator == "not":
        yield keys, "a baseline runs no flow: it has no inputs, connections, environment, price or stays_on_machine"
    elif problem.validator == "maxProperties":
        yield keys, "one rule only: constant, column or most_frequent"
    else:
        yield keys, problem.message


def meant(name: str, known: list[str]) -> str:
    """The end of a message about a wrong name: the known one that is like it, else all."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f": use {', '.join(known)}"


def unknown_names(value: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Names of metrics and contenders that the file does not have, and gates that bind nobody."""
    metrics, contenders = list(value["metrics"]), list(value["contenders"])
    gates, limits = value.get("gates", {}), value.get("limits", {})
    if value["decision"] not in metrics:
        yield ("decision",), f"{value['decision']!r} is not among the metrics{meant(value['decision'], metrics)}"
    for gate in ("floors", "largest_drop"):
        for name in gates.get(gate, {}):
            if name not in metrics:
                yield ("gates", gate, name), f"{name!r} is not among the metrics{meant(name, metrics)}"
    named: list[tuple[Keys, str]] = [(("gates", "contenders", n), c) for n, c in enumerate(gates.get("contenders", []))]
    named += [(("limits", "reference"), limits["reference"])] if "reference" in limits else []
    if "non_inferior" in gates:
        named.append((("gates", "non_inferior", "reference"), gates["non_inferior"]["reference"]))
    for keys, name in named:
        if name not in contenders:
            yield keys, f"{name!r} is not among the contenders{meant(name, contenders)}"
    yield from _idle_gates(value)


def _idle_gates(value: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Gates that would hold whatever comes, because they bind no contender."""
    gates = value.get("gates", {})
    bound = gates.get("contenders") or [name for name, given in value["contenders"].items() if "baseline" not in given]
    if gates and not bound:
        yield ("gates",), "all contenders are baselines, which gates bind only by name: give `contenders`"
    if "non_inferior" in gates and not set(bound) - {gates["non_inferior"]["reference"]}:
        yield ("gates", "non_inferior"), "binds only the reference itself: name another contender in `contenders`"


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def misfits(value: Mapping[str, Any], tasks: "tuple[Task, ...]") -> Iterator[tuple[Keys, str]]:
    """Inputs, nodes and outputs that a task's flow does not have, and other values that cannot be."""
    for task in tasks:
        for key in value["tasks"][task.name].get("column_mapping", {}):
            if key not in task.flow.inputs:
                place: Keys = ("tasks", task.name, "column_mapping", key)
                yield place, f"{task.flow.folder} has no input {key!r}{meant(key, list(task.flow.inputs))}"
    for name, contender in value["contenders"].items():
        keys: Keys = ("contenders", name)
        for key, given in contender.get("inputs", {}).items():
            if not _is_json(given):
                yield (*keys, "inputs", key), f"{given} has no form in JSON: put it in quotes"
        workers = contender.get("environment", {}).get(WORKERS, "1")
        if not (workers.isdecimal() and int(workers)):
            yield (*keys, "environment", WORKERS), f"{workers!r} is no number of workers: use 1 or more"
        for task in tasks:
            flow = task.flow
            for field, known in (("inputs", list(flow.inputs)), ("connections", list(flow.nodes))):
                what = "input" if field == "inputs" else "node"
                for key in contender.get(field, {}):
                    if key not in known:
                        yield (*keys, field, key), f"{flow.folder} has no {what} {key!r}{meant(key, known)}"
            if "baseline" in contender:
                needed = {m[1] for v in task.evaluation_mapping.values() if (m := _OUTPUT.match(str(v)))}
                for output in sorted(needed - contender["baseline"].keys()):
                    yield (*keys, "baseline"), f"{task.evaluation.folder} reads the output {output!r}: give it a rule"
