"""An experiment file: tasks x contenders x limits, checked before anything runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonschema import Draft202012Validator

from bakeoff.errors import InputError
from bakeoff.experiments.cost import Hardware
from bakeoff.experiments.definition_checks import meant, misfits, schema_messages, unknown_names
from bakeoff.experiments.limits import Limits
from bakeoff.experiments.prices import PRICES, Price, read_prices
from bakeoff.finding import Finding, error
from bakeoff.yaml_lines import Document, Keys, mapping, read, sequence

if TYPE_CHECKING:
    from bakeoff.experiments.paired import Kind  # it brings scipy, which is not needed to read a file

SCHEMA = Path(__file__).with_name("schema.json")
ROW = "row"
CHECK = "run.check.yaml"
RuleKind = Literal["constant", "column", "most_frequent"]


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
    _stop([_at(document, keys, message) for problem in problems for keys, message in schema_messages(problem)])
    value = document.value
    _stop([_at(document, keys, message) for keys, message in unknown_names(value)])
    tasks = tuple(_task(document, name) for name in value["tasks"])
    contenders = tuple(_contenders(document))
    _stop([_at(document, keys, message) for keys, message in misfits(value, tasks)])
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
                raise problem(given, f"{evaluation_folder} has no {key!r}{meant(key, list(known))}")
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
                message = f"the price file has no {named!r}{meant(named, ['local', *prices])}"
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
