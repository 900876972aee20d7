"""An experiment file: tasks x contenders x limits, checked before anything runs."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from bakeoff.errors import InputError
from bakeoff.experiments.cost import Hardware
from bakeoff.experiments.limits import Limits
from bakeoff.experiments.prices import PRICES, Price, read_prices
from bakeoff.finding import Finding, error
from bakeoff.serving.shared_address import WORKERS
from bakeoff.yaml_lines import Document, Keys, mapping, read, sequence

if TYPE_CHECKING:
    from bakeoff.experiments.paired import Kind  # it brings scipy, which is not needed to read a file

SCHEMA = Path(__file__).with_name("schema.json")
ROW = "row"
CHECK = "run.check.yaml"
RuleKind = Literal["constant", "column", "most_frequent"]
_OUTPUT = re.compile(r"\$\{run\.outputs\.([^.}]+)")


@dataclass(frozen=True)
class Flow:
    """A flow folder and what its YAML declares."""

    folder: Path
    inputs: Mapping[str, Any] = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)
    nodes: tuple[str, ...] = field(repr=False)
    includes: tuple[Path, ...] = field(repr=False)


@dataclass(frozen=True)
class Check:
    """Rows that people labelled, for an evaluation that asks a judge: a run file `run.check.yaml` beside its own.
    Inputs that both flows have (which judge, ...) are those of the evaluation."""

    flow: Flow
    data: Path
    mapping: Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """What is asked: a flow over rows, and the evaluation flow that scores its outputs. Fields as in schema.json."""

    name: str
    flow: Flow
    data: Path
    column_mapping: Mapping[str, Any]
    environment: Mapping[str, str]
    evaluation: Flow
    evaluation_mapping: Mapping[str, Any]
    evaluation_environment: Mapping[str, str]
    evaluation_connections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    check: Check | None = None
    limit: int | None = None
    clusters: str | None = None
    latency: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """How a baseline fills one output: a constant, a column of the row, or a column's most frequent value."""

    kind: RuleKind
    value: Any


@dataclass(frozen=True)
class Contender:
    """Who is compared; with `baseline` it is no flow run but rows made by rules. Fields as in schema.json."""

    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    connections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    price: Price | Literal["local"] | None = None
    stays_on_machine: bool | None = None
    baseline: Mapping[str, Rule] | None = None


@dataclass(frozen=True)
class MetricChoice:
    """A metric that is reported and compared; maximum None for a plain figure."""

    name: str
    label: str
    kind: "Kind" = "continuous"
    maximum: float | None = 1.0


@dataclass(frozen=True)
class Gates:
    """What is asked, as in schema.json. contenders: whom it binds; empty for all that are no baseline."""

    contenders: tuple[str, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)
    largest_drop: Mapping[str, float] = field(default_factory=dict)
    blessed: Path | None = None
    reference: str | None = None
    margin: float | None = None
    least_coverage: float | None = None
    latency_p95: float | None = None


@dataclass(frozen=True)
class Experiment:
    """The whole file; `metrics` has the decision metric first."""

    path: Path
    description: str
    seed: int
    tasks: tuple[Task, ...]
    contenders: tuple[Contender, ...]
    metrics: tuple[MetricChoice, ...]
    limits: Limits
    gates: Gates | None
    hardware: Hardware | None

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def decision(self) -> MetricChoice:
        """The metric that decides."""
        return self.metrics[0]


class DefinitionError(InputError):
    """An experiment file that cannot be run: one finding for each problem, shown as `file:line: field: message`."""

    def __init__(self, findings: Sequence[Finding]):
        super().__init__("\n".join(f"{found.path}:{found.line}: {found.message}" for found in findings))
        self.findings = tuple(findings)


def load_experiment(path: Path) -> Experiment:
    """Read and check an experiment file, the flows it names and the prices it uses; nothing runs.

    Raises DefinitionError with each problem, InputError where there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such experiment file")
    document, findings = read(path)
    _stop(findings)
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    problems = sorted(validator.iter_errors(document.value), key=lambda e: document.line(*e.absolute_path))
    _stop([_at(document, keys, message) for problem in problems for keys, message in _schema_messages(problem)])
    value = document.value
    _stop([_at(document, keys, message) for keys, message in _unknown_names(value)])
    tasks = tuple(_task(document, name) for name in value["tasks"])
    contenders = tuple(_contenders(document))
    _stop([_at(document, keys, message) for keys, message in _misfits(value, tasks)])
    names = [value["decision"], *(name for name in value["metrics"] if name != value["decision"])]
    return Experiment(
        path=path.resolve(),
        description=value.get("description", ""),
        seed=value.get("seed", 0),
        tasks=tasks,
        contenders=contenders,
        metrics=tuple(_metric(name, value["metrics"][name]) for name in names),
        limits=Limits(**value.get("limits", {})),
        gates=_gates(path, value["gates"]) if "gates" in value else None,
        hardware=Hardware(**value["hardware"]) if "hardware" in value else None,
    )


def _stop(problems: Sequence[Finding]) -> None:
    if problems:
        raise DefinitionError(problems)


def _at(document: Document, keys: Keys, message: str) -> Finding:
    named = ".".join(str(key) for key in keys)
    return error(document.path, document.line(*keys), f"{named + ': ' if named else ''}{message}")


def _schema_messages(problem: ValidationError) -> Iterator[tuple[Keys, str]]:
    keys: Keys = tuple(problem.absolute_path)
    if problem.validator == "additionalProperties":
        known = list(problem.schema["properties"])
        for name in problem.instance:
            if name not in known:
                yield (*keys, str(name)), f"there is no such field{_meant(str(name), known)}"
    elif problem.validator == "not":
        yield keys, "a baseline runs no flow: it has no inputs, connections, environment, price or stays_on_machine"
    elif problem.validator == "maxProperties":
        yield keys, "one rule only: constant, column or most_frequent"
    else:
        yield keys, problem.message


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f": use {', '.join(known)}"


def _unknown_names(value: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Names of metrics and contenders that the file does not have."""
    metrics, contenders = list(value["metrics"]), list(value["contenders"])
    gates, limits = value.get("gates", {}), value.get("limits", {})
    if value["decision"] not in metrics:
        yield ("decision",), f"{value['decision']!r} is not among the metrics{_meant(value['decision'], metrics)}"
    for gate in ("floors", "largest_drop"):
        for name in gates.get(gate, {}):
            if name not in metrics:
                yield ("gates", gate, name), f"{name!r} is not among the metrics{_meant(name, metrics)}"
    named: list[tuple[Keys, str]] = [(("gates", "contenders", n), c) for n, c in enumerate(gates.get("contenders", []))]
    named += [(("limits", "reference"), limits["reference"])] if "reference" in limits else []
    if "non_inferior" in gates:
        named.append((("gates", "non_inferior", "reference"), gates["non_inferior"]["reference"]))
    for keys, name in named:
        if name not in contenders:
            yield keys, f"{name!r} is not among the contenders{_meant(name, contenders)}"


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


def _misfits(value: Mapping[str, Any], tasks: tuple[Task, ...]) -> Iterator[tuple[Keys, str]]:
    """Inputs, nodes and outputs that a task's flow does not have, and other values that cannot be."""
    for task in tasks:
        for key in value["tasks"][task.name].get("column_mapping", {}):
            if key not in task.flow.inputs:
                meant = _meant(key, list(task.flow.inputs))
                yield ("tasks", task.name, "column_mapping", key), f"{task.flow.folder} has no input {key!r}{meant}"
    yield from _idle_gates(value)
    for name, contender in value["contenders"].items():
        for key, given in contender.get("inputs", {}).items():
            if not _is_json(given):
                yield (
                    ("contenders", name, "inputs", key),
                    f"{given} has no form in JSON: put it in quotes",
                )
        workers = contender.get("environment", {}).get(WORKERS, "1")
        if not (workers.isdecimal() and int(workers)):
            yield ("contenders", name, "environment", WORKERS), f"{workers!r} is no number of workers: use 1 or more"
    for name, contender in value["contenders"].items():
        keys: Keys = ("contenders", name)
        for task in tasks:
            flow = task.flow
            for given, known in (("inputs", list(flow.inputs)), ("connections", list(flow.nodes))):
                what = "input" if given == "inputs" else "node"
                for key in contender.get(given, {}):
                    if key not in known:
                        yield (*keys, given, key), f"{flow.folder} has no {what} {key!r}{_meant(key, known)}"
            if "baseline" in contender:
                needed = {m[1] for v in task.evaluation_mapping.values() if (m := _OUTPUT.match(str(v)))}
                for output in sorted(needed - contender["baseline"].keys()):
                    yield (*keys, "baseline"), f"{task.evaluation.folder} reads the output {output!r}: give it a rule"


def _task(document: Document, name: str) -> Task:
    value: dict[str, Any] = document.value["tasks"][name]
    base = document.path.parent

    def problem(key: str, message: str) -> DefinitionError:
        return DefinitionError([_at(document, ("tasks", name, key), message)])

    folder = (base / value["flow"]).resolve()
    if not (folder / "flow.dag.yaml").is_file():
        raise problem("flow", f"{folder} is no flow: it has no flow.dag.yaml")
    flow = _flow(folder)
    run = _yaml(folder / "run.yaml") if (folder / "run.yaml").is_file() else {}
    if "data" not in value and "data" not in run:
        raise problem("flow", f"{folder} has no run.yaml with `data`: give the task its data")
    data = (base / value["data"] if "data" in value else folder / run["data"]).resolve()
    if not data.is_file():
        raise problem("data", f"{data} does not exist")
    if "evaluation" in value:
        evaluation_file = (base / value["evaluation"]).resolve()
    else:
        evaluation_file = folder.parent.parent / "evaluations" / folder.name / "run.yaml"
    if not evaluation_file.is_file():
        raise problem("evaluation", f"{evaluation_file} does not exist: name the run file of an evaluation flow")
    scoring = _yaml(evaluation_file)
    evaluation_folder = (evaluation_file.parent / str(scoring.get("flow"))).resolve()
    if not (evaluation_folder / "flow.dag.yaml").is_file():
        raise problem("evaluation", f"{evaluation_file} names no flow")
    evaluation = _flow(evaluation_folder)
    if ROW not in evaluation.outputs:
        raise problem("evaluation", f"{evaluation_folder} has no output `{ROW}`, the record with the scores of a row")
    for given, known in (("evaluation_inputs", list(evaluation.inputs)), ("evaluation_connections", evaluation.nodes)):
        for key in value.get(given, {}):
            if key not in known:
                raise problem(given, f"{evaluation_folder} has no {key!r}{_meant(key, list(known))}")
    scored_from = mapping(scoring.get("column_mapping")) | value.get("evaluation_inputs", {})
    return Task(
        name=name,
        flow=flow,
        data=data,
        column_mapping=value.get("column_mapping", mapping(run.get("column_mapping"))),
        environment=mapping(run.get("environment_variables")),
        evaluation=evaluation,
        evaluation_mapping=scored_from,
        evaluation_environment=mapping(scoring.get("environment_variables")),
        evaluation_connections=value.get("evaluation_connections", mapping(scoring.get("connections"))),
        check=_check(evaluation_file.with_name(CHECK), scored_from),
        limit=value.get("limit"),
        clusters=value.get("clusters"),
        latency=tuple(value.get("latency", ())),
    )


def _check(path: Path, scored_from: Mapping[str, Any]) -> Check | None:
    if not (path.is_file() and scored_from.get("judge")):
        return None
    run = _yaml(path)
    flow = _flow((path.parent / str(run.get("flow"))).resolve())
    shared = {k: v for k, v in scored_from.items() if k in flow.inputs and not str(v).startswith("${")}
    return Check(flow, (path.parent / str(run.get("data"))).resolve(), mapping(run.get("column_mapping")) | shared)


def _flow(folder: Path) -> Flow:
    value = _yaml(folder / "flow.dag.yaml")
    nodes = tuple(str(mapping(node).get("name")) for node in sequence(value.get("nodes")))
    includes = tuple((folder / str(path)).resolve() for path in sequence(value.get("additional_includes")))
    return Flow(folder, mapping(value.get("inputs")), mapping(value.get("outputs")), nodes, includes)


def _yaml(path: Path) -> dict[str, Any]:
    document, findings = read(path)
    _stop(findings)
    return document.value


def _contenders(document: Document) -> Iterator[Contender]:
    value, base = document.value, document.path.parent
    prices = read_prices((base / value["prices"]).resolve() if "prices" in value else PRICES)
    currency = value.get("limits", {}).get("currency", Limits.currency)
    for name, entry in value["contenders"].items():
        price: Price | Literal["local"] | None = None
        if (named := entry.get("price")) == "local":
            price = "local"
            if "hardware" not in value:
                message = "what the machine costs is not stated: add `hardware:`, or leave the price out"
                raise DefinitionError([_at(document, ("contenders", name, "price"), message)])
        elif named is not None:
            message = None
            if named not in prices:
                message = f"the price file has no {named!r}{_meant(named, ['local', *prices])}"
            elif prices[named].currency != currency:
                message = (
                    f"{named!r} is in {prices[named].currency} and the limits are in {currency}: no exchange rate is "
                    f"assumed, set `limits: {{currency: {prices[named].currency}}}` or use a price file in {currency}"
                )
            if message:
                raise DefinitionError([_at(document, ("contenders", name, "price"), message)])
            price = prices[named]
        rules = entry.get("baseline")
        yield Contender(
            name=name,
            inputs=entry.get("inputs", {}),
            connections=entry.get("connections", {}),
            environment=entry.get("environment", {}),
            price=price,
            stays_on_machine=entry.get("stays_on_machine"),
            baseline={output: _rule(rule) for output, rule in rules.items()} if rules else None,
        )


def _rule(value: Mapping[RuleKind, Any]) -> Rule:
    ((kind, argument),) = value.items()
    return Rule(kind, argument)


def _metric(name: str, value: Mapping[str, Any]) -> MetricChoice:
    return MetricChoice(name, **({"label": name.replace("_", " ")} | dict(value)))


def _gates(path: Path, value: Mapping[str, Any]) -> Gates:
    margin = value.get("non_inferior", {})
    return Gates(
        contenders=tuple(value.get("contenders", ())),
        floors=value.get("floors", {}),
        largest_drop=value.get("largest_drop", {}),
        blessed=(path.parent / value["blessed"]).resolve() if "blessed" in value else None,
        reference=margin.get("reference"),
        margin=margin.get("margin"),
        least_coverage=value.get("least_coverage"),
        latency_p95=value.get("latency_p95"),
    )
